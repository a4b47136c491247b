import type { FlowInfo } from "@millrace/gateway/api/operations";
import type { PlacedFault } from "@millrace/shared/flow/load";
import { isOperational } from "@millrace/shared/errors/operational";
import { Command } from "commander";
import { CommandFailed, exitCodes } from "../client/client.ts";
import { writeTable } from "../output/table.ts";
import { clientOf, json, print } from "./common.ts";

/** `flow check`, `flow list`, `flow schema`. */
export function flowCommand(): Command {
  const flow = new Command("flow").description("check and list flows");
  flow
    .command("check")
    .description("check flow files, without a server")
    .argument("<file...>", "flow files")
    .option("--json", "one fault a line, as JSON")
    .action(checkFiles);
  flow
    .command("list")
    .description("list the flows that the registry has")
    .option("--json", "as JSON")
    .action(async (options: { json?: true }) => {
      const { items } = await clientOf().get<{ items: FlowInfo[] }>("/v1/flows");
      if (options.json) return print(json(items));
      print(
        writeTable(items, [
          { title: "flow", value: ({ name }) => name },
          { title: "version", value: ({ version }) => version.slice(0, 12) },
          { title: "state", value: ({ retired }) => (retired ? "retired" : "current") },
          { title: "from", value: ({ origin }) => origin },
          { title: "description", value: ({ description }) => description },
        ]),
      );
    });
  flow
    .command("schema")
    .description("print the JSON Schema of a flow file, for editors")
    .action(async () => {
      const { flowJsonSchema } = await import("@millrace/shared/flow/schema");
      print(json(flowJsonSchema()));
    });
  return flow;
}

/** A fault of a file as a whole. */
interface FileFault {
  readonly severity: "error";
  readonly file: string;
  readonly code: string;
  readonly message: string;
}

interface CheckOptions {
  readonly json?: true;
}

/** Every file is checked, whatever is wrong with the others. */
async function checkFiles(files: readonly string[], options: CheckOptions): Promise<void> {
  // Loaded by those who check: other commands, and every TAB, answer at once.
  const { loadFlow, writeFault } = await import("@millrace/shared/flow/load");
  const { readFlowFile } = await import("../compose/flow-folder.ts");
  const found = new Map<string, string>();
  let errors = 0;
  const tell = (fault: PlacedFault | FileFault, text: string): void => {
    if (fault.severity === "error") errors += 1;
    print(options.json ? JSON.stringify(fault) : text);
  };
  for (const file of files) {
    const text = await readFlowFile(file).catch((error: unknown) => {
      if (!isOperational(error)) throw error;
      const { code, message } = error;
      tell({ severity: "error", file, code, message }, message);
      return undefined;
    });
    if (text === undefined) continue;
    const { flow, faults } = loadFlow(text, file);
    for (const fault of faults) tell(fault, writeFault(fault));
    if (flow === undefined) continue;
    const before = found.get(flow.name);
    found.set(flow.name, file);
    if (before !== undefined) {
      const message = `${file}: the flow ${flow.name} is in ${before}, too; a folder has one file for each`;
      tell({ severity: "error", file, code: "duplicate-flow", message }, message);
    } else if (!options.json) print(`${file}: ${flow.name} is good, version ${flow.version}`);
  }
  if (errors === 0) return;
  const count = errors === 1 ? "1 fault" : `${errors} faults`;
  throw new CommandFailed(`${count} in ${files.join(", ")}`, exitCodes.failed);
}
