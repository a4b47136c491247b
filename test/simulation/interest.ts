import type { Effect } from "@millrace/shared/contract/effect";
import type { EventHeader } from "@millrace/shared/contract/event-record";
import type { Json, JsonObject } from "@millrace/shared/contract/json";
import type { RejectionCode } from "@millrace/shared/contract/journal-record";
import type { InstanceRef } from "@millrace/shared/contract/names";
import type { Input } from "@millrace/shared/core/input";
import type { Flow } from "@millrace/shared/flow/flow";
import type { LogRecord } from "@millrace/shared/ports/event-log";
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
  move: ["room"],
};

export function listeners(record: LogRecord, header: EventHeader & { kind: "device" }): Interest[] {
  const [, thing = "", type = ""] = header.topic.split("/");
  const payload = jsonOf(record);
  const device = { type, thing, payload };
  return (flowsOf[type] ?? []).map((flow) => {
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
}

export function addressed(
  record: LogRecord,
  header: Exclude<EventHeader, { kind: "device" }>,
): Interest {
  const { ns, flow, key } = header;
  return { name: nameOf(header), to: { ns, flow, key }, record, header };
}

export function inputFor({ to, record, header, device, at = 0 }: Interest, flow: Flow): Input {
  const common = { to: to as InstanceRef, offset: record.offset, at };
  const payload = jsonOf(record) as JsonObject;
  if (header?.kind === "signal")
    return {
      kind: "signal",
      ...common,
      type: header.type,
      id: header.id,
      effect: header.effect,
      payload,
    };
  if (header?.kind === "result")
    return { kind: "result", ...common, effect: header.effect, outcome: header.outcome, payload };
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
  };
}

function jsonOf({ value }: LogRecord): Json | undefined {
  try {
    return JSON.parse(value?.toString() ?? "{}") as Json;
  } catch {
    return undefined;
  }
}
