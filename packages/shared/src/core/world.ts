import type { Bindings } from "../contract/instance.ts";
import type { JsonObject } from "../contract/json.ts";
import type { InstanceRef } from "../contract/names.ts";
import type { Flow } from "../flow/flow.ts";
import type { Authorize } from "../policy/authorize.ts";

/** What a decision may look at besides the instance and its input. */
export interface World {
  /** A flow version by its hash; undefined when this process has not heard of it. */
  flow(version: string): Flow | undefined;
  /** The version that new instances of a flow run; undefined when there is none. */
  current(ns: string, flow: string): Flow | undefined;
  /** What the deployment of a flow binds now; undefined when there is no such deployment. */
  bindings(of: InstanceRef): Bindings | undefined;
  /** A thing as expressions see it: `name`, `type`, `attributes`, `groups`. */
  thing(ns: string, name: string): JsonObject;
  readonly authorize: Authorize;
  readonly limits: Limits;
}

export interface Limits {
  /** Context and owed effects of one instance, encoded. */
  readonly contextBytesMax: number;
  /** One step as it is journalled, its effects' payloads included. */
  readonly stepBytesMax: number;
  /** Effects of one step. */
  readonly effectsMax: number;
  /** Event ids that an instance remembers. */
  readonly eventIdsMax: number;
}

export const defaultLimits: Limits = {
  contextBytesMax: 64 * 1024,
  stepBytesMax: 512 * 1024,
  effectsMax: 100,
  eventIdsMax: 16,
};

/** A thing of which nothing is known but its name. */
export function bareThing(name: string): JsonObject {
  return { name, type: "", attributes: {}, groups: [] };
}
