import type { DeviceEvent } from "@millrace/shared/contract/event-record";
import { type Json, isJsonObject, type JsonObject } from "@millrace/shared/contract/json";
import { logKey, nameFault } from "@millrace/shared/contract/names";
import { newTrace } from "@millrace/shared/contract/trace";
import { partitionOf } from "@millrace/shared/contract/partition";
import { bareThing } from "@millrace/shared/core/world";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import { Budget } from "@millrace/shared/flow/budget";
import type { Scope } from "@millrace/shared/flow/expression";
import { readPayload } from "@millrace/shared/flow/input";
import type { Route } from "@millrace/shared/flow/routing";
import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { Appended, EventLog } from "@millrace/shared/ports/event-log";
import type { Clock } from "@millrace/shared/ports/clock";

/** What a device published, as the log needs it. */
export interface Ingested {
  readonly ns: string;
  readonly client: string;
  readonly thing?: string | undefined;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly props?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** The trace that it belongs to; one is made up where there is none. */
  readonly trace?: string | undefined;
}

/**
 * Writes what devices publish to the `events` log: one publish, one record.
 *
 * The record is keyed by the client's thing, else by the thing that the first matching input finds,
 * else by the client id; the owner of that partition copies it to wherever else it is wanted.
 */
export class Ingest {
  readonly #log: EventLog;
  readonly #writer: EventsWriter;
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  /** Whether a publish that no flow listens to is written all the same. */
  readonly #keepUnmatched: boolean;
  /** Publishes that no flow wants, and that were not written. */
  unmatched = 0;

  constructor(parts: {
    log: EventLog;
    writer: EventsWriter;
    catalogue: Catalogue;
    clock: Clock;
    keepUnmatched: boolean;
  }) {
    this.#log = parts.log;
    this.#writer = parts.writer;
    this.#catalogue = parts.catalogue;
    this.#clock = parts.clock;
    this.#keepUnmatched = parts.keepUnmatched;
  }

  /** Resolves when the log has it. @throws OperationalError LOG-003 when it never will */
  async write(publish: Ingested): Promise<Appended | undefined> {
    const { ns, topic, payload } = publish;
    const [first] = this.#catalogue.router(ns).match(topic);
    if (first === undefined && !this.#keepUnmatched) {
      this.unmatched += 1;
      return undefined;
    }
    const key = logKey(ns, publish.thing ?? this.#thingOf(publish, first) ?? publish.client);
    const header = this.#header(publish);
    const record = { key, header: JSON.stringify(header), value: payload };
    return await this.#writer.write(partitionOf(key, this.#log.partitions), record, header.trace);
  }

  #header(publish: Ingested): DeviceEvent {
    const { ns, client, thing, topic, qos, props, trace } = publish;
    return {
      v: 1,
      kind: "device",
      ns,
      topic,
      client,
      ...(thing !== undefined && { thing }),
      qos,
      ...(props !== undefined && { props: props as NonNullable<DeviceEvent["props"]> }),
      ...this.#writer.stamp(),
      trace: trace ?? newTrace(() => this.#clock.random()),
    };
  }

  /** @returns undefined where the input does not say, or cannot: then the engine says what is wrong */
  #thingOf(publish: Ingested, route: Route | undefined): string | undefined {
    const thing = route?.input.thing;
    if (thing === undefined || route === undefined) return undefined;
    if (thing.constant !== undefined) return thing.constant;
    try {
      const payload = thing.uses.has("event")
        ? readPayload(publish.payload, route.input.format)
        : null;
      const name = thing(this.#scope(publish, route, payload));
      return nameFault(name) === undefined ? name : undefined;
    } catch {
      return undefined;
    }
  }

  #scope(publish: Ingested, route: Route, payload: Json): Scope {
    const { client, topic } = publish;
    const now = this.#clock.wallMs();
    const own: JsonObject = { type: route.input.name, at: now, thing: client, payload };
    return {
      event: isJsonObject(payload) ? { ...payload, ...own } : own,
      context: {},
      thing: bareThing(client),
      topic: topic.split("/"),
      now,
      params: route.flow.params,
      budget: new Budget(),
    };
  }
}
