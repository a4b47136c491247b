import { dirname } from "node:path";
import type { FlowInfo } from "@millrace/gateway/api/operations";
import type { WrittenDeployment } from "@millrace/shared/flow/deployment-file";
import type { PlacedFault } from "@millrace/shared/flow/fault";
import type { Flow } from "@millrace/shared/flow/flow";
import { isOperational } from "@millrace/shared/errors/operational";
import { Command } from "commander";
import { CommandFailed, exitCodes } from "../client/client.ts";
import { writeTable } from "../output/table.ts";
import { clientOf, json, print } from "./common.ts";
import { migrateCommand } from "./migrate.ts";
import { versionCommands } from "./versions.ts";
import { verifyCommand } from "./verify.ts";

/** What there is to do with flows, without a server and with one. */
export function flowCommand(): Command {
  const flow = new Command("flow").description("check and list flows");
  flow
    .command("check")
    .description("check files of flows and deployments, without a server")
    .argument("<file...>", "files of flows and deployments")
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
  for (const command of [...versionCommands(), migrateCommand(), verifyCommand()])
    flow.addCommand(command);
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
  const check = new FlowCheck(options);
  for (const file of files) await check.read(file);
  await check.checkDeployments();
  const { errors } = check;
  if (errors === 0) return;
  const count = errors === 1 ? "1 fault" : `${errors} faults`;
  throw new CommandFailed(`${count} in ${files.join(", ")}`, exitCodes.failed);
}

class FlowCheck {
  readonly #asJson: boolean;
  readonly #flows = new Map<string, { readonly flow: Flow; readonly file: string }>();
  readonly #deployments: { readonly written: WrittenDeployment; readonly file: string }[] = [];
  errors = 0;

  constructor({ json: asJson = false }: { json?: boolean }) {
    this.#asJson = asJson;
  }

  async read(file: string): Promise<void> {
    // Loaded by those who check: other commands, and every TAB, answer at once.
    const { loadFile, writeFault } = await import("@millrace/shared/flow/load");
    const { readFlowFile } = await import("../compose/flow-folder.ts");
    const text = await readFlowFile(file).catch((error: unknown) => {
      if (!isOperational(error)) throw error;
      const { code, message } = error;
      this.#tell({ severity: "error", file, code, message }, message);
      return undefined;
    });
    if (text === undefined) return;
    const { flows, deployments, faults } = loadFile(text, file);
    for (const fault of faults) this.#tell(fault, writeFault(fault));
    for (const flow of flows) this.#take(flow, file);
    this.#deployments.push(...deployments.map((written) => ({ written, file })));
  }

  #take(flow: Flow, file: string): void {
    const place = `${flow.ns}/${flow.name}`;
    const before = this.#flows.get(place)?.file;
    this.#flows.set(place, { flow, file });
    if (before !== undefined) {
      const message = `${file}: the flow ${flow.name} is in ${before}, too; a folder has one file for each`;
      this.#tell({ severity: "error", file, code: "duplicate-flow", message }, message);
    } else this.#praise(`${file}: ${flow.name} is good, version ${flow.version}`);
  }

  /** By the flows that were given, or else those that stand in the same folder. */
  async checkDeployments(): Promise<void> {
    if (this.#deployments.length === 0) return;
    const { checkDeployments } = await import("@millrace/shared/flow/deployment-file");
    const { writeFault } = await import("@millrace/shared/flow/load");
    const beside = await this.#flowsBeside();
    const { good, faults } = checkDeployments(
      this.#deployments.map(({ written }) => written),
      (ns, name) => this.#flows.get(`${ns}/${name}`)?.flow ?? beside.get(`${ns}/${name}`),
    );
    for (const fault of faults) this.#tell(fault, writeFault(fault));
    for (const { written, file } of this.#deployments) {
      const { name, flow } = written;
      if (good.includes(written))
        this.#praise(`${file}: ${name}, a deployment of ${flow}, is good`);
    }
  }

  async #flowsBeside(): Promise<ReadonlyMap<string, Flow>> {
    const missing = this.#deployments.filter(
      ({ written: { ns, flow } }) => !this.#flows.has(`${ns}/${flow}`),
    );
    const { readFlowsBeside } = await import("../compose/flow-folder.ts");
    const folders = new Map(missing.map(({ file }) => [dirname(file), file]));
    const found = await Promise.all([...folders.values()].map((file) => readFlowsBeside(file)));
    return new Map(found.flat().map((flow) => [`${flow.ns}/${flow.name}`, flow]));
  }

  #praise(text: string): void {
    if (!this.#asJson) print(text);
  }

  #tell(fault: PlacedFault | FileFault, text: string): void {
    if (fault.severity === "error") this.errors += 1;
    print(this.#asJson ? JSON.stringify(fault) : text);
  }
}
