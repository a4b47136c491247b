import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { RegistryRecord } from "@millrace/shared/contract/registry-record";
import { isOperational, messageOf, OperationalError } from "@millrace/shared/errors/operational";
import { API_ORIGIN, type Catalogue } from "@millrace/shared/flow/catalogue";
import type { Flow } from "@millrace/shared/flow/flow";
import { rebinds } from "@millrace/shared/contract/instance";
import { checkDeployments, type WrittenDeployment } from "@millrace/shared/flow/deployment-file";
import type { PlacedFault } from "@millrace/shared/flow/fault";
import { loadFile, writeFault } from "@millrace/shared/flow/load";
import type { Registry } from "@millrace/shared/log/registry";
import { evaluateModule, isModule } from "../flow-module/evaluate.ts";
import type { Line } from "./logger.ts";

/** Editors save in several steps; what is read in between would be half a file. */
const SETTLE_MS = 200;
/** Deployments of one reading that get a line each. */
const TOLD_MAX = 20;

/**
 * A folder of flows and deployments, kept in step with the registry: what is new or changed is published,
 * what is gone is retired or undeployed. What has a fault changes nothing: what was before it stays in
 * force.
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
    const { flows, deployments, faulty } = this.#check(await readFolder(this.#folder, this.#line));
    for (const flow of flows) await this.#publish(flow);
    await this.#deploy(deployments);
    // While a file cannot be read, nobody knows what it was: nothing is retired.
    if (faulty > 0) return;
    await this.#retireMissing(flows);
    await this.#undeployMissing(deployments);
  }

  /** Holds deployments against the flows beside them, or else those that the registry has. */
  #check({ flows, deployments, faulty }: FolderContent): FolderContent {
    const { good, faults } = checkDeployments(
      deployments,
      (ns, name) =>
        flows.find((flow) => flow.ns === ns && flow.name === name) ??
        this.#catalogue.current(ns, name),
    );
    for (const fault of faults) tell(this.#line, fault);
    return { flows, deployments: good, faulty: faulty + deployments.length - good.length };
  }

  async #publish(flow: Flow): Promise<void> {
    const { ns, name, version, file } = flow;
    const before = this.#catalogue.entry(ns, name);
    if (before?.flow.version === version && !before.retired) return;
    if (before?.origin === API_ORIGIN && !before.retired) {
      const hint = `\`millrace flow retire ${name}\` gives it to this folder`;
      this.#line("warn", `flow passed over: it was published by the API; ${hint}`, { flow: name });
      return;
    }
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

  async #deploy(deployments: readonly WrittenDeployment[]): Promise<void> {
    const changed = deployments.filter((one) => {
      const before = this.#catalogue.deployments.get(one.ns, one.name);
      return before === undefined || before.flow !== one.flow || rebinds(before.things, one.things);
    });
    if (changed.length === 0) return;
    const records = changed.map(
      ({ ns, name, flow, things }): RegistryRecord => ({
        v: 1,
        kind: "deployment",
        ns,
        name,
        flow,
        things,
        origin: this.#folder,
      }),
    );
    await this.#registry.publish(...records);
    this.#tellAll("deployed", changed);
  }

  async #undeployMissing(deployments: readonly WrittenDeployment[]): Promise<void> {
    const there = new Set(deployments.map(({ ns, name }) => `${ns}/${name}`));
    const gone = this.#catalogue.deployments
      .all()
      .filter(({ ns, name, origin }) => origin === this.#folder && !there.has(`${ns}/${name}`));
    if (gone.length === 0) return;
    const records = gone.map(
      ({ ns, name, origin }): RegistryRecord => ({ v: 1, kind: "undeployed", ns, name, origin }),
    );
    await this.#registry.publish(...records);
    this.#tellAll("undeployed: the file is gone; the instance stays as it is", gone);
  }

  #tellAll(what: string, deployments: readonly { name: string; flow: string }[]): void {
    for (const { name, flow } of deployments.slice(0, TOLD_MAX))
      this.#line("info", what, { deployment: name, flow });
    const more = deployments.length - TOLD_MAX;
    if (more > 0) this.#line("info", what, { more });
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#watcher?.close();
    await this.#reading;
  }
}

/** What is good in a folder. */
interface FolderContent {
  readonly flows: readonly Flow[];
  readonly deployments: readonly WrittenDeployment[];
  /** How many flows and deployments have a fault. */
  readonly faulty: number;
}

/** @throws OperationalError FLOW-001 */
async function readFolder(folder: string, line: Line): Promise<FolderContent> {
  const flows = new Map<string, { flow: Flow; file: string }>();
  const deployments: WrittenDeployment[] = [];
  let faulty = 0;
  for (const name of await listFlowFiles(folder)) {
    const file = join(folder, name);
    const text = await readFlowFile(file).catch((error: unknown) => {
      if (!isOperational(error, "FLOW-004")) throw error;
      line("error", error.message);
      return undefined;
    });
    if (text === undefined) faulty += 1;
    if (text === undefined || (text === "" && isModule(file))) continue;
    const loaded = loadFile(text, file);
    for (const fault of loaded.faults) tell(line, fault);
    faulty += loaded.faulty;
    deployments.push(...loaded.deployments);
    for (const flow of loaded.flows) {
      const twin = flows.get(`${flow.ns}/${flow.name}`);
      if (twin === undefined) {
        flows.set(`${flow.ns}/${flow.name}`, { flow, file });
        continue;
      }
      faulty += 1;
      const why = `${file}: flow ${flow.name} is in ${twin.file} already; this file is passed over`;
      line("error", why);
    }
  }
  return { flows: Array.from(flows.values(), ({ flow }) => flow), deployments, faulty };
}

function tell(line: Line, fault: PlacedFault): void {
  line(fault.severity === "error" ? "error" : "warn", writeFault(fault));
}

/** The flows in the folder of a file, as far as it can be read; whatever else there is in it. */
export async function readFlowsBeside(file: string): Promise<readonly Flow[]> {
  try {
    return (await readFolder(dirname(file), () => {})).flows;
  } catch (error) {
    if (isOperational(error, "FLOW-001")) return [];
    throw error;
  }
}

/** @throws OperationalError FLOW-001 */
async function listFlowFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => /\.(ya?ml|json)$/.test(name) || isModule(name))
      .filter((name) => !basename(name).startsWith("."))
      .sort();
  } catch (error) {
    throw unreadable(folder, error);
  }
}

/**
 * The flows of a file as YAML or JSON: what it is, or what it yields where it is a module.
 *
 * @throws OperationalError FLOW-001, FLOW-004
 */
export async function readFlowFile(file: string): Promise<string> {
  try {
    const text = await readFile(file, "utf8");
    return isModule(file) ? await evaluateModule(file) : text;
  } catch (error) {
    throw isOperational(error) ? error : unreadable(file, error);
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
