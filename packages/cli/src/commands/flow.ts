import type { PlacedFault } from "@millrace/shared/flow/load";
import type { FlowInfo } from "@millrace/gateway/api/operations";
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

async function checkFiles(files: readonly string[], options: { json?: true }): Promise<void> {
  // Loaded by those who check: other commands, and every TAB, answer at once.
  const { loadFlow, writeFault } = await import("@millrace/shared/flow/load");
  const { readFlowFile } = await import("../compose/flow-folder.ts");
  const faults: PlacedFault[] = [];
  for (const file of files) {
    const loaded = loadFlow(await readFlowFile(file), file);
    faults.push(...loaded.faults);
    if (options.json) for (const fault of loaded.faults) print(JSON.stringify(fault));
    else for (const fault of loaded.faults) print(writeFault(fault));
    if (!options.json && loaded.flow !== undefined) {
      print(`${file}: ${loaded.flow.name} is good, version ${loaded.flow.version}`);
    }
  }
  const errors = faults.filter(({ severity }) => severity === "error").length;
  if (errors === 0) return;
  const count = errors === 1 ? "1 fault" : `${errors} faults`;
  throw new CommandFailed(`${count} in ${files.join(", ")}`, exitCodes.failed);
}
