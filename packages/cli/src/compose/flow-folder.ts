import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { RegistryRecord } from "@millrace/shared/contract/registry-record";
import { messageOf, OperationalError } from "@millrace/shared/errors/operational";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Flow } from "@millrace/shared/flow/flow";
import { loadFlow, writeFault } from "@millrace/shared/flow/load";
import type { Registry } from "@millrace/shared/log/registry";
import type { Line } from "./logger.ts";

/** Editors save in several steps; what is read in between would be half a file. */
const SETTLE_MS = 200;

/**
 * A folder of flow files, kept in step with the registry: what is new or changed is published, what is
 * gone is retired. A file with a fault changes nothing: the version before it stays in force.
 */
export class FlowFolder {
  readonly #folder: string;
  readonly #registry: Registry;
  readonly #catalogue: Catalogue;
  readonly #line: Line;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(parts: { folder: string; registry: Registry; catalogue: Catalogue; line: Line }) {
    this.#folder = parts.folder;
    this.#registry = parts.registry;
    this.#catalogue = parts.catalogue;
    this.#line = parts.line;
  }

  /** Publishes what is there, and goes on watching. @throws OperationalError FLOW-001 */
  async start(): Promise<void> {
    await this.#read();
    this.#watcher = watch(this.#folder, () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#reading = this.#reading.then(() => this.#readAgain());
      }, SETTLE_MS);
    });
    this.#watcher.on("error", (error) =>
      this.#line("warn", "flows are not watched any more", { why: error.message }),
    );
  }

  async #readAgain(): Promise<void> {
    try {
      await this.#read();
    } catch (error) {
      this.#line("error", "flows could not be read again", { why: messageOf(error) });
    }
  }

  async #read(): Promise<void> {
    const { flows, faulty } = await readFlows(this.#folder, this.#line);
    for (const flow of flows) await this.#publish(flow);
    // While a file cannot be read, nobody knows which flow it was: nothing is retired.
    if (faulty === 0) await this.#retireMissing(flows);
  }

  async #publish(flow: Flow): Promise<void> {
    const { ns, name, version, file } = flow;
    const before = this.#catalogue
      .entries()
      .find((one) => one.flow.ns === ns && one.flow.name === name);
    if (before?.flow.version === version && !before.retired) return;
    const record = { v: 1, kind: "flow", ns, name, version, file, origin: this.#folder };
    await this.#registry.publish(record as RegistryRecord);
    this.#line("info", before === undefined ? "flow published" : "flow changed", {
      flow: name,
      version,
    });
  }

  async #retireMissing(flows: readonly Flow[]): Promise<void> {
    for (const { flow, origin, retired } of this.#catalogue.entries()) {
      const { ns, name } = flow;
      if (retired || origin !== this.#folder) continue;
      if (flows.some((one) => one.ns === ns && one.name === name)) continue;
      await this.#registry.publish({ v: 1, kind: "retired", ns, name, origin });
      this.#line("info", "flow retired: its file is gone; running instances go on", { flow: name });
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#watcher?.close();
    await this.#reading;
  }
}

async function readFlows(
  folder: string,
  line: Line,
): Promise<{ flows: readonly Flow[]; faulty: number }> {
  const flows = new Map<string, { flow: Flow; file: string }>();
  let faulty = 0;
  for (const name of await listFlowFiles(folder)) {
    const file = join(folder, name);
    const { flow, faults } = loadFlow(await readFlowFile(file), file);
    for (const fault of faults)
      line(fault.severity === "error" ? "error" : "warn", writeFault(fault));
    const twin = flow === undefined ? undefined : flows.get(`${flow.ns}/${flow.name}`);
    if (twin !== undefined) {
      line(
        "error",
        `${file}: flow ${flow?.name} is in ${twin.file} already; this file is passed over`,
      );
    }
    if (flow === undefined || twin !== undefined) faulty += 1;
    else flows.set(`${flow.ns}/${flow.name}`, { flow, file });
  }
  return { flows: Array.from(flows.values(), ({ flow }) => flow), faulty };
}

/** @throws OperationalError FLOW-001 */
async function listFlowFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => /\.(ya?ml|json)$/.test(name) && !basename(name).startsWith("."))
      .sort();
  } catch (error) {
    throw unreadable(folder, error);
  }
}

/** @throws OperationalError FLOW-001 */
export async function readFlowFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): OperationalError<"FLOW-001"> {
  const cause = messageOf(error);
  return new OperationalError(
    "FLOW-001",
    { file, cause },
    `${file} cannot be read: ${cause}`,
    error,
  );
}
