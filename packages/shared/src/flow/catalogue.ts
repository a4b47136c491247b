import type { Json } from "../contract/json.ts";
import type { RegistryRecord } from "../contract/registry-record.ts";
import { Deployments } from "./deployments.ts";
import type { Flow } from "./flow.ts";
import { compilePublished } from "./load.ts";
import { Router } from "./routing.ts";

/** The origin of flows that were published by the API. */
export const API_ORIGIN = "api";

/** What the registry says of one flow. */
export interface CatalogueEntry {
  readonly flow: Flow;
  /** The folder it came from, or `api`. */
  readonly origin: string;
  /** Whether new instances may begin. */
  readonly retired: boolean;
}

/**
 * All flow versions that the registry has, which of them new instances run, and the deployments. A fold
 * of the registry: every process reads the same records and holds the same catalogue.
 */
export class Catalogue {
  readonly #versions = new Map<string, Flow>();
  readonly #current = new Map<string, CatalogueEntry>();
  readonly #routers = new Map<string, Router>();
  readonly #listeners = new Set<() => void>();
  readonly #onFault: (name: string, why: string) => void;
  readonly deployments: Deployments;
  readonly #compile: (file: Json) => Flow;
  #offset = 0;

  /**
   * @param partitions of the log, over which instances are spread
   * @param onFault told of a published flow that this program cannot compile
   * @param compile several catalogues of one program may share what they compile: a flow is never changed
   */
  constructor(
    partitions: number,
    onFault: (name: string, why: string) => void,
    compile: (file: Json) => Flow = compilePublished,
  ) {
    this.deployments = new Deployments(partitions);
    this.#onFault = onFault;
    this.#compile = compile;
  }

  /** Offset of the next registry record; all before it are in here. */
  get offset(): number {
    return this.#offset;
  }

  apply(offset: number, record: RegistryRecord | undefined): void {
    this.#offset = offset + 1;
    if (record?.kind === "flow") this.#publish(record);
    if (record?.kind === "retired") this.#retire(record);
    if (record?.kind === "deployment") this.deployments.put(record);
    if (record?.kind === "undeployed") this.deployments.remove(record);
    for (const listener of this.#listeners) listener();
  }

  /** Calls after every record. @returns what ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  version(version: string): Flow | undefined {
    return this.#versions.get(version);
  }

  /** What new instances of a flow run. */
  current(ns: string, name: string): Flow | undefined {
    const entry = this.#current.get(`${ns}/${name}`);
    return entry === undefined || entry.retired ? undefined : entry.flow;
  }

  /** All versions of a flow, in the order in which they were first published. */
  versionsOf(ns: string, name: string): readonly Flow[] {
    return [...this.#versions.values()].filter((flow) => flow.ns === ns && flow.name === name);
  }

  entry(ns: string, name: string): CatalogueEntry | undefined {
    return this.#current.get(`${ns}/${name}`);
  }

  entries(): readonly CatalogueEntry[] {
    return [...this.#current.values()];
  }

  router(ns: string): Router {
    let router = this.#routers.get(ns);
    if (router === undefined) {
      router = new Router([...this.#versions.values()].filter((flow) => flow.ns === ns));
      this.#routers.set(ns, router);
    }
    return router;
  }

  #publish(record: RegistryRecord & { kind: "flow" }): void {
    const { ns, name, version, file, origin } = record;
    const known = this.#versions.get(version);
    let flow: Flow;
    try {
      flow = known ?? this.#compile(file);
      checkName(flow, record);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return this.#onFault(`${ns}/${name}@${version}`, why);
    }
    if (known === undefined) {
      this.#versions.set(version, flow);
      this.#routers.delete(ns);
    }
    this.#current.set(`${ns}/${name}`, { flow, origin, retired: false });
  }

  #retire(record: RegistryRecord & { kind: "retired" }): void {
    const name = `${record.ns}/${record.name}`;
    const entry = this.#current.get(name);
    if (entry !== undefined) this.#current.set(name, { ...entry, retired: true });
  }
}

/** Instances name their version by what is in it: one that is found under another name would be nobody's. */
function checkName(flow: Flow, { ns, name, version }: RegistryRecord & { kind: "flow" }): void {
  if (flow.ns === ns && flow.name === name && flow.version === version) return;
  const found = `${flow.ns}/${flow.name}@${flow.version}`;
  throw new Error(`the record's flow is another one, ${found}: it was not published by Millrace`);
}
