import type { Effect } from "@millrace/shared/contract/effect";
import type { EventHeader } from "@millrace/shared/contract/event-record";
import type { Bindings } from "@millrace/shared/contract/instance";
import type { Json, JsonObject } from "@millrace/shared/contract/json";
import type { RejectionCode } from "@millrace/shared/contract/journal-record";
import type { InstanceRef } from "@millrace/shared/contract/names";
import type { Input } from "@millrace/shared/core/input";
import type { Flow } from "@millrace/shared/flow/flow";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import type { DeploymentHistory } from "./deployment-history.ts";
import { nameOf } from "./journal-view.ts";

/** Records of `events` as the reference reads them: by what it knows of the flows of the simulation. */

/** A record, as one instance hears of it; or what is wrong with it, whomever it was for. */
export interface Interest {
  readonly name: string | undefined;
  readonly record: LogRecord;
  readonly to?: InstanceRef;
  readonly fault?: RejectionCode;
  readonly at?: number;
  readonly header?: EventHeader;
  /** Of a deployment: whether every process has to find it a listener, or may or may not. */
  readonly deployed?: { readonly name: string; readonly role: string; readonly isSure: boolean };
  readonly device?: {
    readonly type: string;
    readonly thing: string;
    readonly payload: Json | undefined;
  };
}

export function isCopy(header: EventHeader): boolean {
  return header.kind === "device" && header.at !== undefined;
}

export function headerOf({ header }: LogRecord): EventHeader | undefined {
  const said = JSON.parse(header ?? "{}") as EventHeader | { kind?: undefined };
  return said.kind === undefined ? undefined : said;
}

const flowsOf: Readonly<Record<string, readonly string[]>> = {
  set: ["lamp"],
  odd: ["lamp"],
  ping: ["lamp", "job"],
  begin: ["job"],
  work: ["job"],
  ask: ["audit"],
  bite: ["lamp"],
  move: ["audit", "room"],
};

/** By the roles that flows over several things give to who says them. */
const rolesOf: Readonly<Record<string, string>> = { move: "sensor", begin: "light" };

/** The deployments that the sender of an event has a role in, or may have one in. */
function deployed(
  record: LogRecord,
  header: EventHeader & { kind: "device" },
  device: NonNullable<Interest["device"]>,
  deployments: DeploymentHistory,
): Interest[] {
  const role = rolesOf[device.type];
  if (role === undefined) return [];
  // A copy may come long after its source was decided, by who knew less of the registry.
  const since = header.at ?? record.time;
  const all = [...deployments.names].flatMap((name): Interest[] => {
    const held = deployments.heldBetween(name, since, Number.POSITIVE_INFINITY);
    const hears = held.filter((things) => things?.[role] === device.thing);
    if (hears.length === 0) return [];
    const to = { ns: "default", flow: "pair", key: name };
    const isSure = hears.length === held.length;
    return [{ name: nameOf(to), to, record, header, device, deployed: { name, role, isSure } }];
  });
  if (device.payload !== undefined || all.length === 0) return all;
  const isSure = all.some((one) => one.deployed?.isSure);
  const fault = "bad-payload";
  return [{ name: undefined, record, fault, deployed: { name: "", role, isSure } }];
}

export function listeners(
  record: LogRecord,
  header: EventHeader & { kind: "device" },
  deployments: DeploymentHistory,
): Interest[] {
  const [, thing = "", type = ""] = header.topic.split("/");
  const payload = jsonOf(record);
  const device = { type, thing, payload };
  const { only } = header;
  const isFor = (flow: string): boolean => only === undefined || only.flow === flow;
  const byKey = (flowsOf[type] ?? []).filter(isFor).map((flow): Interest => {
    const named = (payload as JsonObject | undefined)?.["room"];
    if (flow === "room" && named === undefined)
      return {
        name: undefined,
        record,
        fault: payload === undefined ? "bad-payload" : "expression",
      };
    const to = { ns: "default", flow, key: flow === "room" ? `room-${named as string}` : thing };
    return { name: nameOf(to), to, record, header, device };
  });
  const byRole = isFor("pair") ? deployed(record, header, device, deployments) : [];
  return [...byKey, ...byRole.filter(({ to }) => [undefined, to?.key].includes(only?.key))];
}

export function addressed(
  record: LogRecord,
  header: Exclude<EventHeader, { kind: "device" }>,
): Interest {
  const { ns, flow, key } = header;
  return { name: nameOf(header), to: { ns, flow, key }, record, header };
}

/** @param things what a deployment binds */
export function inputFor(
  { to, record, header, device, at = 0 }: Interest,
  flow: Flow,
  things?: Bindings,
): Input {
  const { redrive } = header as EventHeader;
  const common = { to: to as InstanceRef, offset: record.offset, at, redrive };
  const payload = jsonOf(record) as JsonObject;
  if (header?.kind === "signal")
    return {
      kind: "signal",
      ...common,
      type: header.type,
      id: header.id,
      effect: header.effect,
      where: header.where,
      payload,
    };
  if (header?.kind === "operator") {
    const { action, id, where } = header;
    return { kind: "operator", ...common, action, id, where, payload };
  }
  if (header?.kind === "result") {
    const { kind, effect, outcome, again } = header;
    return { kind, ...common, effect, outcome, again, payload };
  }
  if (header?.kind === "parked") {
    const effect = payload as unknown as Effect;
    return { kind: "parked", ...common, effectId: header.effect, effect, trace: header.trace };
  }
  const { topic, client, at: originAt } = header as EventHeader & { kind: "device" };
  const { type, thing } = device as NonNullable<Interest["device"]>;
  const said = payload as JsonObject | undefined;
  const code =
    said === undefined
      ? "bad-payload"
      : type === "set" && typeof said["level"] !== "number"
        ? "schema"
        : undefined;
  return {
    kind: "device",
    ...common,
    flow,
    type,
    thing,
    client,
    topic,
    levels: topic.split("/"),
    id: type === "set" && code === undefined ? (said?.["id"] as string | undefined) : undefined,
    payload: said ?? null,
    ...(code !== undefined && { misfit: { code, detail: "" } }),
    ...(originAt !== undefined && { originAt }),
    ...(things && { things }),
  };
}

function jsonOf({ value }: LogRecord): Json | undefined {
  try {
    return JSON.parse(value?.toString() ?? "{}") as Json;
  } catch {
    return undefined;
  }
}
