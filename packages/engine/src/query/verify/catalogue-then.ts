import type { Json } from "@millrace/shared/contract/json";
import type { RegistryRecord } from "@millrace/shared/contract/registry-record";
import type { EpochMs } from "@millrace/shared/contract/time";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Flow } from "@millrace/shared/flow/flow";
import { compilePublished } from "@millrace/shared/flow/load";
import type { RegistryEntry } from "@millrace/shared/log/registry";

/** What an engine may not have known yet of the registry, or read sooner than the log's times say. */
const LEARNT_WITHIN_MS = 2_000;

type RegistryFile = Extract<RegistryRecord, { kind: "flow" }>["file"];

/** The registry, to be looked at as it was at any time. Flows are compiled once. */
export class RegistryThen {
  readonly #entries: readonly RegistryEntry[];
  readonly #partitions: number;
  readonly #onFault: (name: string, why: string) => void;
  readonly #compiled = new Map<Json, Flow>();

  constructor(
    entries: readonly RegistryEntry[],
    partitions: number,
    onFault: (name: string, why: string) => void,
  ) {
    this.#entries = entries;
    this.#partitions = partitions;
    this.#onFault = onFault;
  }

  /** The same, had one flow always been this version of it, and as if there were no other flows. */
  asIf(flow: Flow): RegistryThen {
    const { ns, name, version, file } = flow;
    const entries = this.#entries.flatMap((entry): RegistryEntry[] => {
      const { record } = entry;
      if (record.kind === "log" || record.ns !== ns) return [];
      if (record.kind === "flow") {
        if (record.name !== name) return [];
        return [{ ...entry, record: { ...record, version, file: file as RegistryFile } }];
      }
      return record.kind === "retired" && record.name !== name ? [] : [entry];
    });
    const other = new RegistryThen(entries, this.#partitions, this.#onFault);
    other.#compiled.set(file as Json, flow);
    return other;
  }

  has(ns: string, name: string): boolean {
    return this.#entries.some(
      ({ record }) => record.kind === "flow" && record.ns === ns && record.name === name,
    );
  }

  /** At its beginning: all versions are known, none is current, and there are no deployments. */
  open(): CatalogueThen {
    const compile = (file: Json): Flow => {
      const known = this.#compiled.get(file) ?? compilePublished(file);
      this.#compiled.set(file, known);
      return known;
    };
    const faulty = new Set<string>();
    const catalogue = new Catalogue(
      this.#partitions,
      (name, why) => {
        if (faulty.has(name)) return;
        faulty.add(name);
        this.#onFault(name, why);
      },
      compile,
    );
    for (const { offset, record } of this.#entries) {
      if (record.kind !== "flow") continue;
      const { ns, name, origin } = record;
      catalogue.apply(offset, record);
      catalogue.apply(offset, { v: 1, kind: "retired", ns, name, origin });
    }
    return new CatalogueThen(catalogue, this.#entries);
  }
}

/** What the registry had at a time that goes on. */
export class CatalogueThen {
  readonly catalogue: Catalogue;
  readonly #entries: readonly RegistryEntry[];
  #next = 0;
  #time: EpochMs = 0;

  constructor(catalogue: Catalogue, entries: readonly RegistryEntry[]) {
    this.catalogue = catalogue;
    this.#entries = entries;
  }

  advance(time: EpochMs): void {
    this.#time = time;
    for (;;) {
      const entry = this.#entries[this.#next];
      if (entry === undefined || entry.time > time) return;
      this.catalogue.apply(entry.offset, entry.record);
      this.#next += 1;
    }
  }

  /** Whether what holds for a flow has changed just now, so that nobody knows what an engine knew. */
  changedNow(ns: string, flow: string | undefined): boolean {
    for (let i = this.#next - 1; i >= 0; i--) {
      const entry = this.#entries[i] as RegistryEntry;
      if (entry.time < this.#time - LEARNT_WITHIN_MS) return false;
      if (isAbout(entry.record, ns, flow)) return true;
    }
    return false;
  }
}

function isAbout(record: RegistryRecord, ns: string, flow: string | undefined): boolean {
  if (record.kind === "log" || record.ns !== ns) return false;
  if (flow === undefined || record.kind === "undeployed") return true;
  return (record.kind === "deployment" ? record.flow : record.name) === flow;
}
