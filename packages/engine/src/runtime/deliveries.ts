import type { Effect } from "@millrace/shared/contract/effect";
import { parkedFault } from "@millrace/shared/contract/read-value";
import {
  type DeviceEvent,
  type EventHeader,
  parseEventHeader,
} from "@millrace/shared/contract/event-record";
import {
  isJsonObject,
  type Json,
  jsonFault,
  type JsonObject,
} from "@millrace/shared/contract/json";
import type { RejectionCode } from "@millrace/shared/contract/journal-record";
import {
  type InstanceId,
  instanceId,
  type InstanceRef,
  logKey,
  nameFault,
} from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import type { DeviceInput, Input } from "@millrace/shared/core/input";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import { Budget } from "@millrace/shared/flow/budget";
import type { Scope } from "@millrace/shared/flow/expression";
import { type FlowInput, PayloadError, readPayload } from "@millrace/shared/flow/input";
import type { Route } from "@millrace/shared/flow/routing";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import type { World } from "@millrace/shared/core/world";

/**
 * What one record of the `events` log means, before any instance is looked at: whom it is for, and
 * which other partitions have to hear of it.
 */
export interface Deliveries {
  readonly record: LogRecord;
  readonly header: EventHeader | undefined;
  /** One for each instance of this partition. */
  readonly deliveries: readonly Delivery[];
  /** What is wrong with it, whoever it was for. */
  readonly faults: readonly RecordFault[];
  /** Other partitions with instances that it is for. */
  readonly copyTo: readonly number[];
}

/** An input for one instance, in as many readings as there are flow versions that listen. */
export interface Delivery {
  readonly id: InstanceId;
  readonly to: InstanceRef;
  readonly readings: readonly Input[];
}

export interface RecordFault {
  readonly code: RejectionCode;
  readonly detail: string;
  readonly ns: string;
  readonly flow?: string;
  readonly type: string;
}

export class Reader {
  readonly #partition: number;
  readonly #partitions: number;
  readonly #catalogue: Catalogue;
  readonly #world: World;

  constructor(partition: number, partitions: number, catalogue: Catalogue, world: World) {
    this.#partition = partition;
    this.#partitions = partitions;
    this.#catalogue = catalogue;
    this.#world = world;
  }

  /** @param at log time at which the record is taken: never before the one before it */
  read(record: LogRecord, at: number): Deliveries {
    const header = parseEventHeader(record.header);
    if ("malformed" in header) {
      const fault = {
        code: "malformed-record",
        detail: header.malformed,
        ns: "default",
        type: "",
      } as const;
      return { record, header: undefined, deliveries: [], faults: [fault], copyTo: [] };
    }
    return header.kind === "device"
      ? this.#readDevice(record, header, at)
      : this.#readAddressed(record, header, at);
  }

  #readDevice(record: LogRecord, header: DeviceEvent, at: number): Deliveries {
    const routes = this.#catalogue.router(header.ns).match(header.topic);
    const reading = new DeviceReading(record, header, at, this.#world);
    const deliveries: { id: InstanceId; to: InstanceRef; readings: Input[] }[] = [];
    const faults: RecordFault[] = [];
    const copyTo: number[] = [];
    for (const route of routes) {
      const input = reading.by(route);
      if ("code" in input) {
        // Once, not again for each copy; of a version that is no longer current, nobody knows whether
        // some instance still runs it.
        const current = this.#catalogue.current(header.ns, route.flow.name) === route.flow;
        if (header.at === undefined && current) faults.push(input);
        continue;
      }
      const partition = partitionOf(logKey(input.to.ns, input.to.key), this.#partitions);
      if (partition !== this.#partition) {
        // A copy is for the instances of the partition that it was copied to, and goes no further.
        if (header.at === undefined && !copyTo.includes(partition)) copyTo.push(partition);
        continue;
      }
      const id = instanceId(input.to);
      const delivery = deliveries.find((one) => one.id === id);
      if (delivery === undefined) deliveries.push({ id, to: input.to, readings: [input] });
      else delivery.readings.push(input);
    }
    return { record, header, deliveries, faults, copyTo };
  }

  #readAddressed(
    record: LogRecord,
    header: Exclude<EventHeader, DeviceEvent>,
    at: number,
  ): Deliveries {
    const { ns, flow, key } = header;
    const partition = partitionOf(logKey(ns, key), this.#partitions);
    const nothing = { record, header, deliveries: [], faults: [], copyTo: [] };
    if (partition !== this.#partition) return { ...nothing, copyTo: [partition] };
    const payload = jsonOf(record.value);
    if (!isJsonObject(payload)) {
      const detail = `the value of a ${header.kind} record is a JSON object that can be kept`;
      const type = header.kind === "signal" ? header.type : header.kind;
      return { ...nothing, faults: [{ code: "malformed-record", detail, ns, flow, type }] };
    }
    const fault = header.kind === "parked" ? parkedFault(payload) : undefined;
    if (fault !== undefined) {
      const detail = `the value is no effect that can be put aside: ${fault}`;
      const of = { code: "malformed-record", detail, ns, flow, type: "parked" } as const;
      return { ...nothing, faults: [of] };
    }
    const to = { ns, flow, key };
    const input = addressed(header, { to, offset: record.offset, at }, payload);
    return { ...nothing, deliveries: [{ id: instanceId(to), to, readings: [input] }] };
  }
}

function addressed(
  header: Exclude<EventHeader, DeviceEvent>,
  common: { to: InstanceRef; offset: number; at: number },
  payload: JsonObject,
): Input {
  switch (header.kind) {
    case "signal": {
      const { type, id, effect } = header;
      return { kind: "signal", ...common, type, id, effect, payload };
    }
    case "result":
      return { kind: "result", ...common, effect: header.effect, outcome: header.outcome, payload };
    case "parked":
      return {
        kind: "parked",
        ...common,
        effectId: header.effect,
        effect: payload as unknown as Effect,
      };
  }
}

function jsonOf(value: Buffer | null): Json | undefined {
  try {
    const json = JSON.parse(value?.toString("utf8") ?? "{}") as Json;
    return jsonFault(json) === undefined ? json : undefined;
  } catch {
    return undefined;
  }
}

const PAYLOAD_KEPT_BYTES_MAX = 512 * 1024;
const PAYLOAD_HEAD_BYTES = 1_024;

/** A payload as a rejection keeps it: JSON where it is JSON that can be kept, else its bytes. */
export function payloadAsCame(value: Buffer | null): Json {
  if (value === null) return null;
  if (value.length > PAYLOAD_KEPT_BYTES_MAX) {
    // No gateway takes so much; a rejection has to fit into the journal whatever somebody wrote here.
    return {
      bytes: value.length,
      base64: value.subarray(0, PAYLOAD_HEAD_BYTES).toString("base64"),
    };
  }
  const json = jsonOf(value);
  return json === undefined ? { base64: value.toString("base64") } : json;
}

/** One device event, read by several inputs: its payload is parsed once for each format. */
class DeviceReading {
  readonly #record: LogRecord;
  readonly #header: DeviceEvent;
  readonly #at: number;
  readonly #world: World;
  readonly #levels: readonly string[];
  readonly #payloads: Partial<Record<FlowInput["format"], Json | PayloadError>> = {};

  constructor(record: LogRecord, header: DeviceEvent, at: number, world: World) {
    this.#record = record;
    this.#header = header;
    this.#at = at;
    this.#world = world;
    this.#levels = header.topic.split("/");
  }

  by({ flow, input }: Route): DeviceInput | RecordFault {
    const { ns, client } = this.#header;
    const payload = this.#payload(input.format);
    const misfit = misfitOf(payload, input);
    const fault = (code: RejectionCode, detail: string): RecordFault => ({
      code,
      detail,
      ns,
      flow: flow.name,
      type: input.name,
    });
    // Until it is worked out, the sender is the client's own thing.
    const sender = this.#header.thing ?? client;
    const scope = this.#scope(flow.params, payload, input.name, sender);
    try {
      const thing = input.thing === undefined ? sender : input.thing(scope);
      const misnamed = nameFault(thing);
      if (misnamed !== undefined) return fault("bad-thing", `\`thing\` ${misnamed}`);
      scope.thing = this.#world.thing(ns, thing);
      const key = input.key(scope);
      const wrong = nameFault(key);
      if (wrong !== undefined) return fault("bad-key", `\`key\` ${wrong}`);
      const id = misfit === undefined ? input.id?.(scope) : undefined;
      return {
        kind: "device",
        to: { ns, flow: flow.name, key },
        offset: this.#record.offset,
        at: this.#at,
        flow,
        type: input.name,
        thing,
        client,
        topic: this.#header.topic,
        levels: this.#levels,
        id: id === "" ? undefined : id,
        payload: misfit === undefined ? (payload as Json) : payloadAsCame(this.#record.value),
        ...(misfit && { misfit }),
        ...(this.#header.at !== undefined && { originAt: this.#header.at }),
      };
    } catch (error) {
      if (misfit !== undefined) return fault(misfit.code, misfit.detail);
      return fault("expression", error instanceof Error ? error.message : String(error));
    }
  }

  #payload(format: FlowInput["format"]): Json | PayloadError {
    let payload = this.#payloads[format];
    if (payload === undefined) {
      try {
        payload = readPayload(this.#record.value ?? Buffer.alloc(0), format);
      } catch (error) {
        if (!(error instanceof PayloadError)) throw error;
        payload = error;
      }
      this.#payloads[format] = payload;
    }
    return payload;
  }

  #scope(params: JsonObject, payload: Json | PayloadError, type: string, sender: string): Scope {
    const json = payload instanceof PayloadError ? null : payload;
    const own = { type, at: this.#at, thing: sender, payload: json };
    return {
      event: isJsonObject(json) ? { ...json, ...own } : own,
      context: {},
      thing: this.#world.thing(this.#header.ns, sender),
      topic: this.#levels,
      now: this.#at,
      params,
      budget: new Budget(),
    };
  }
}

function misfitOf(payload: Json | PayloadError, input: FlowInput): DeviceInput["misfit"] {
  if (payload instanceof PayloadError) return { code: "bad-payload", detail: payload.message };
  const detail = input.misfit?.(payload);
  return detail === undefined ? undefined : { code: "schema", detail };
}
