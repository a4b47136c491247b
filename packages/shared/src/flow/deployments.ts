import type { Bindings } from "../contract/instance.ts";
import { type InstanceId, instanceId, type InstanceRef, logKey } from "../contract/names.ts";
import { partitionOf } from "../contract/partition.ts";
import type { RegistryRecord } from "../contract/registry-record.ts";

/** A flow bound to things, as the registry has it. */
export interface Deployment {
  readonly ns: string;
  /** The key of its instance. */
  readonly name: string;
  readonly flow: string;
  readonly things: Bindings;
  /** The folder it came from. */
  readonly origin: string;
  readonly id: InstanceId;
  /** Its instance. */
  readonly to: InstanceRef;
  /** Where its instance lives. */
  readonly partition: number;
}

/** Deployments by name. */
export type Listeners = ReadonlyMap<string, Deployment>;

const nobody: ReadonlyMap<number, Listeners> = new Map();

/**
 * All deployments that the registry has, and which of them listen to a thing: an index by flow, role and
 * thing, so that a look-up costs the same however many others there are.
 */
export class Deployments {
  readonly #partitions: number;
  readonly #byName = new Map<string, Deployment>();
  readonly #listeners = new Map<string, Map<number, Map<string, Deployment>>>();
  #sorted: readonly Deployment[] | undefined;

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  get(ns: string, name: string): Deployment | undefined {
    return this.#byName.get(logKey(ns, name));
  }

  /** In the order of namespaces and names. */
  all(): readonly Deployment[] {
    this.#sorted ??= [...this.#byName]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, deployment]) => deployment);
    return this.#sorted;
  }

  /** The deployments of a flow in which the thing has the role, by the partitions of their instances. */
  listeningTo(
    thing: string,
    { ns, flow, role }: { readonly ns: string; readonly flow: string; readonly role: string },
  ): ReadonlyMap<number, Listeners> {
    return this.#listeners.get(placeOf(ns, flow, role, thing)) ?? nobody;
  }

  put(record: RegistryRecord & { kind: "deployment" }): void {
    const { ns, name, flow, things, origin } = record;
    this.remove(record);
    const to = { ns, flow, key: name };
    const id = instanceId(to);
    const partition = partitionOf(logKey(ns, name), this.#partitions);
    const deployment = { ns, name, flow, things, origin, id, to, partition };
    this.#byName.set(logKey(ns, name), deployment);
    for (const [role, thing] of Object.entries(things)) {
      const place = placeOf(ns, flow, role, thing);
      const byPartition = this.#listeners.get(place) ?? new Map<number, Map<string, Deployment>>();
      const here = byPartition.get(partition) ?? new Map<string, Deployment>();
      this.#listeners.set(place, byPartition.set(partition, here.set(name, deployment)));
    }
  }

  remove({ ns, name }: { readonly ns: string; readonly name: string }): void {
    this.#sorted = undefined;
    const deployment = this.get(ns, name);
    if (deployment === undefined) return;
    this.#byName.delete(logKey(ns, name));
    for (const [role, thing] of Object.entries(deployment.things)) {
      const place = placeOf(ns, deployment.flow, role, thing);
      const byPartition = this.#listeners.get(place);
      const here = byPartition?.get(deployment.partition);
      here?.delete(name);
      if (here?.size === 0) byPartition?.delete(deployment.partition);
      if (byPartition?.size === 0) this.#listeners.delete(place);
    }
  }
}

function placeOf(ns: string, flow: string, role: string, thing: string): string {
  return JSON.stringify([ns, flow, role, thing]);
}
