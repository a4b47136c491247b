import type { Effect } from "@millrace/shared/contract/effect";
import { parkedFault } from "@millrace/shared/contract/read-value";
import {
  type DeviceEvent,
  type EventHeader,
  parseEventHeader,
} from "@millrace/shared/contract/event-record";
import type { Bindings } from "@millrace/shared/contract/instance";
import { isJsonObject, type JsonObject } from "@millrace/shared/contract/json";
import {
  type InstanceId,
  instanceId,
  type InstanceRef,
  logKey,
} from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import type { DeviceInput, Input } from "@millrace/shared/core/input";
import type { World } from "@millrace/shared/core/world";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Listeners } from "@millrace/shared/flow/deployments";
import type { Route } from "@millrace/shared/flow/routing";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import { DeviceReading, jsonOf, type Reading, type RecordFault } from "./device-reading.ts";

/**
 * What one record of the `events` log means, before any instance is looked at: whom it is for, and
 * which other partitions have to hear of it.
 */
export interface Deliveries {
  readonly record: LogRecord;
  readonly header: EventHeader | undefined;
  /** One for each instance of this partition. */
  readonly deliveries: readonly Delivery[];
  /** Whether it is for more of them than one turn takes it to: those are left for the next turns. */
  readonly more: boolean;
  /** What is wrong with it, whoever it was for. */
  readonly faults: readonly RecordFault[];
  /** Other partitions with instances that it is for. */
  readonly copyTo: readonly number[];
}

/** An input for one instance: an event in as many readings as there are flow versions that listen. */
export type Delivery = EventDelivery | AddressedDelivery;

interface EventDelivery {
  readonly id: InstanceId;
  readonly to: InstanceRef;
  /** What the deployment binds, where it came by one. */
  readonly things: Bindings | undefined;
  readonly readings: readonly Reading[];
}

interface AddressedDelivery {
  readonly id: InstanceId;
  readonly to: InstanceRef;
  readonly input: Exclude<Input, DeviceInput>;
}

export interface ReaderOptions {
  readonly partition: number;
  readonly partitions: number;
  readonly catalogue: Catalogue;
  readonly world: World;
  /** Instances that one reading of a record is for at most. */
  readonly deliveriesMax: number;
}

export class Reader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /**
   * @param at log time at which the record is taken: never before the one before it
   * @param heard instances that earlier turns have taken this record to
   */
  read(record: LogRecord, at: number, heard: ReadonlySet<InstanceId>): Deliveries {
    const header = parseEventHeader(record.header);
    if ("malformed" in header) {
      const fault = {
        code: "malformed-record",
        detail: header.malformed,
        ns: "default",
        type: "",
      } as const;
      return { ...nothingOf(record, undefined), faults: [fault] };
    }
    return header.kind === "device"
      ? this.#readDevice(record, header, at, heard)
      : this.#readAddressed(record, header, at);
  }

  #readDevice(
    record: LogRecord,
    header: DeviceEvent,
    at: number,
    heard: ReadonlySet<InstanceId>,
  ): Deliveries {
    const { catalogue, world } = this.#options;
    const event = new DeviceReading(record, header, at, world);
    const audience = new Audience(this.#options, heard);
    const byRole = new Map<string, RoleReadings>();
    const faults: RecordFault[] = [];
    for (const route of catalogue.router(header.ns).match(header.topic)) {
      if (header.only !== undefined && header.only.flow !== route.flow.name) continue;
      const read = event.by(route);
      if ("code" in read) {
        // Of a version that is no longer current, nobody knows whether some instance still runs it.
        if (this.#isCurrent(route)) faults.push(read);
      } else if (read.key === undefined) {
        const fault = this.#gatherByRole(route, read.reading, byRole);
        if (fault !== undefined) faults.push(fault);
      } else {
        const to = { ns: header.ns, flow: route.flow.name, key: read.key };
        audience.addByKey(to, read.reading);
      }
    }
    for (const one of byRole.values()) audience.addListeners(one, header.only?.key);
    const { deliveries, more, elsewhere } = audience;
    // Once, not again for each turn. A copy is for the partition that it was copied to, and goes no
    // further; what is wrong with the event was told where it came from.
    const isFirst = heard.size === 0 && header.at === undefined;
    return {
      record,
      header,
      deliveries,
      more,
      faults: isFirst ? faults : [],
      copyTo: isFirst ? elsewhere : [],
    };
  }

  #isCurrent({ flow }: Route): boolean {
    return this.#options.catalogue.current(flow.ns, flow.name) === flow;
  }

  /**
   * What an input of a flow with roles reads is for all deployments that bind the sender to its role.
   *
   * @returns what is wrong with the event: told once, not for each of perhaps thousands of deployments
   */
  #gatherByRole(
    route: Route,
    reading: Reading,
    byRole: Map<string, RoleReadings>,
  ): RecordFault | undefined {
    const { ns, name: flow } = route.flow;
    const { role = "" } = route.input;
    const { thing, type, misfit } = reading;
    const listeners = this.#options.catalogue.deployments.listeningTo(thing, { ns, flow, role });
    if (listeners.size === 0) return undefined;
    if (misfit !== undefined && this.#isCurrent(route)) return { ...misfit, ns, flow, type };
    const place = JSON.stringify([flow, role, thing]);
    const known = byRole.get(place);
    if (known === undefined) byRole.set(place, { listeners, readings: [reading] });
    else known.readings.push(reading);
    return undefined;
  }

  #readAddressed(
    record: LogRecord,
    header: Exclude<EventHeader, DeviceEvent>,
    at: number,
  ): Deliveries {
    const { ns, flow, key } = header;
    const nothing = nothingOf(record, header);
    const partition = partitionOf(logKey(ns, key), this.#options.partitions);
    if (partition !== this.#options.partition) return { ...nothing, copyTo: [partition] };
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
    return { ...nothing, deliveries: [{ id: instanceId(to), to, input }] };
  }
}

/** What the inputs for one role of one flow read, and the deployments that it is for. */
interface RoleReadings {
  readonly listeners: ReadonlyMap<number, Listeners>;
  readonly readings: Reading[];
}

/** Whom one event is for: instances of this partition, as many as a turn takes, and other partitions. */
class Audience {
  readonly #options: ReaderOptions;
  readonly #heard: ReadonlySet<InstanceId>;
  readonly #here = new Map<InstanceId, EventDelivery>();
  readonly #elsewhere = new Set<number>();
  more = false;

  constructor(options: ReaderOptions, heard: ReadonlySet<InstanceId>) {
    this.#options = options;
    this.#heard = heard;
  }

  get deliveries(): readonly EventDelivery[] {
    return [...this.#here.values()];
  }

  get elsewhere(): readonly number[] {
    return [...this.#elsewhere];
  }

  addByKey(to: InstanceRef, reading: Reading): void {
    const { partition, partitions } = this.#options;
    const place = partitionOf(logKey(to.ns, to.key), partitions);
    if (place !== partition) this.#elsewhere.add(place);
    else this.#add({ id: instanceId(to), to, things: undefined, readings: [reading] });
  }

  /** @param only for the deployment of this key alone */
  addListeners({ listeners, readings }: RoleReadings, only: string | undefined): void {
    const { partition } = this.#options;
    if (only === undefined) {
      for (const place of listeners.keys()) if (place !== partition) this.#elsewhere.add(place);
    }
    for (const { id, to, things } of listeners.get(partition)?.values() ?? []) {
      if (only === undefined || only === to.key) this.#add({ id, to, things, readings });
    }
  }

  #add(delivery: EventDelivery): void {
    const { id, readings } = delivery;
    if (this.#heard.has(id)) return;
    const known = this.#here.get(id);
    if (known !== undefined) {
      // Two inputs, perhaps of two roles that one thing has: of those, the first by name takes it.
      const all = [...known.readings, ...readings].sort((a, b) => (a.type < b.type ? -1 : 1));
      this.#here.set(id, { ...known, readings: all });
    } else if (this.#here.size === this.#options.deliveriesMax) this.more = true;
    else this.#here.set(id, delivery);
  }
}

function nothingOf(record: LogRecord, header: EventHeader | undefined): Deliveries {
  return { record, header, deliveries: [], more: false, faults: [], copyTo: [] };
}

function addressed(
  header: Exclude<EventHeader, DeviceEvent>,
  where: { to: InstanceRef; offset: number; at: number },
  payload: JsonObject,
): Exclude<Input, DeviceInput> {
  const common = { ...where, redrive: header.redrive };
  switch (header.kind) {
    case "signal": {
      const { type, id, effect, where } = header;
      return { kind: "signal", ...common, type, id, effect, where, payload };
    }
    case "result": {
      const { kind, effect, outcome, again } = header;
      return { kind, ...common, effect, outcome, again, payload };
    }
    case "operator": {
      const { action, id } = header;
      return { kind: "operator", ...common, action, id, where: header.where, payload };
    }
    case "parked":
      return {
        kind: "parked",
        ...common,
        effectId: header.effect,
        effect: payload as unknown as Effect,
        trace: header.trace,
      };
  }
}
