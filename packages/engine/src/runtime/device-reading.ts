import type { DeviceEvent } from "@millrace/shared/contract/event-record";
import {
  isJsonObject,
  type Json,
  jsonFault,
  type JsonObject,
} from "@millrace/shared/contract/json";
import type { RejectionCode } from "@millrace/shared/contract/journal-record";
import { nameFault } from "@millrace/shared/contract/names";
import type { DeviceInput } from "@millrace/shared/core/input";
import type { World } from "@millrace/shared/core/world";
import { Budget } from "@millrace/shared/flow/budget";
import type { Scope } from "@millrace/shared/flow/expression";
import { type FlowInput, PayloadError, readPayload } from "@millrace/shared/flow/input";
import type { Route } from "@millrace/shared/flow/routing";
import type { LogRecord } from "@millrace/shared/ports/event-log";

/** An event as one input of one flow version reads it, whatever instance it is for. */
export type Reading = Omit<DeviceInput, "to" | "things">;

/** What is wrong with a record, whoever it was for. */
export interface RecordFault {
  readonly code: RejectionCode;
  readonly detail: string;
  readonly ns: string;
  readonly flow?: string;
  readonly type: string;
}

/** @returns undefined for what is not JSON that can be kept */
export function jsonOf(value: Buffer | null): Json | undefined {
  try {
    const json = JSON.parse(value?.toString("utf8") ?? "{}") as Json;
    return jsonFault(json) === undefined ? json : undefined;
  } catch {
    return undefined;
  }
}

const PAYLOAD_KEPT_BYTES_MAX = 512 * 1024;
const PAYLOAD_HEAD_BYTES = 1_024;

/** A payload that is not to be read, as a rejection keeps it. */
export function bytesOf(value: Buffer | null, keptBytesMax = PAYLOAD_KEPT_BYTES_MAX): Json {
  if (value === null) return null;
  if (value.length <= keptBytesMax) return { base64: value.toString("base64") };
  return { bytes: value.length, base64: value.subarray(0, PAYLOAD_HEAD_BYTES).toString("base64") };
}

/** A payload as a rejection keeps it: JSON where it is JSON that can be kept, else its bytes. */
export function payloadAsCame(value: Buffer | null, keptBytesMax = PAYLOAD_KEPT_BYTES_MAX): Json {
  // No gateway takes so much; a rejection has to fit into the journal whatever somebody wrote here.
  const json = value === null || value.length > keptBytesMax ? undefined : jsonOf(value);
  return json === undefined ? bytesOf(value, keptBytesMax) : json;
}

/** One device event, read by several inputs: its payload is parsed once for each format. */
export class DeviceReading {
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

  /** @returns the reading, and the key of its instance where its deployments do not say that */
  by({ flow, input }: Route): { reading: Reading; key: string | undefined } | RecordFault {
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
      const key = input.role === undefined ? input.key(scope) : undefined;
      const wrong = key === undefined ? undefined : nameFault(key);
      if (wrong !== undefined) return fault("bad-key", `\`key\` ${wrong}`);
      const id = misfit === undefined ? input.id?.(scope) : undefined;
      const reading: Reading = {
        kind: "device",
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
        ...(this.#header.redrive !== undefined && { redrive: this.#header.redrive }),
      };
      return { reading, key };
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
