import { DEFAULT_NAMESPACE } from "@millrace/shared/contract/names";
import { isTraceparent, newTrace } from "@millrace/shared/contract/trace";
import { messageOf } from "@millrace/shared/errors/operational";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { GatewayDirectory } from "@millrace/shared/peer/directory";
import type { CommandMessage, GatewayLink } from "@millrace/shared/peer/gateways";
import { type Clock, randomName, within } from "@millrace/shared/ports/clock";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { SpanAttributes, Tracer } from "@millrace/shared/ports/tracer";
import type { SessionStore } from "@millrace/shared/ports/session-store";
import type { Observe } from "@millrace/shared/telemetry/observe";
import { refuse } from "../admit/refusals.ts";
import { isSameSecret } from "../admit/same-secret.ts";
import { Ingest } from "../ingest/ingest.ts";
import type { Admission, Broker, ConnectRequest, Publication } from "../listen/broker.ts";
import type { MqttLimits } from "../listen/limits.ts";
import { type MqttListener, type MqttStats, startMqttListener } from "../listen/listener.ts";
import { PeerListener } from "../peer/peer-listener.ts";
import { propertiesFromJson, propertiesToJson } from "../peer/properties.ts";
import { observeMqtt } from "./observed.ts";
import { ownUrl } from "./own-url.ts";
import { SessionEntries } from "./session-entries.ts";

export interface GatewayParts {
  readonly log: EventLog;
  readonly sessions: SessionStore;
  readonly catalogue: Catalogue;
  readonly events: EventsWriter;
  readonly directory: GatewayDirectory;
  readonly clock: Clock;
  readonly tracer?: Tracer | undefined;
  readonly settings: GatewaySettings;
  readonly onLine: (
    level: "debug" | "info" | "warn" | "error",
    message: string,
    facts?: object,
  ) => void;
}

export interface GatewaySettings {
  /** This gateway among others; made up by `gatewayName`. */
  readonly name: string;
  readonly host: string;
  readonly mqttPort: number;
  /** Where the internal listener binds. */
  readonly peer: { readonly host: string; readonly port: number };
  /** Where others reach it, when that is not where it binds. */
  readonly peerUrl: string | undefined;
  /** What clients give as their password, and peers as a bearer token. */
  readonly token: string | undefined;
  /** Whether a publish that no flow listens to is written all the same. */
  readonly keepUnmatched: boolean;
  readonly limits?: Partial<MqttLimits>;
}

export function gatewayName(clock: Clock): string {
  return randomName(clock, "g");
}

/** From sockets to the log, and from dispatchers to sockets; keeps no state of flows. */
export class Gateway {
  readonly #parts: GatewayParts;
  readonly #ingest: Ingest;
  readonly #self: GatewayLink;
  #listener: MqttListener | undefined;
  #peers: PeerListener | undefined;
  #entries: SessionEntries | undefined;

  private constructor(parts: GatewayParts) {
    this.#parts = parts;
    const { log, events, catalogue, clock, settings } = parts;
    this.#ingest = new Ingest({
      log,
      writer: events,
      catalogue,
      clock,
      keepUnmatched: settings.keepUnmatched,
    });
    this.#self = { name: settings.name, deliver: (command) => this.#deliver(command) };
  }

  /** @throws OperationalError START-001 when a port is in use */
  static async start(parts: GatewayParts): Promise<Gateway> {
    const gateway = new Gateway(parts);
    try {
      await gateway.#start();
    } catch (error) {
      await gateway.stop(0);
      throw error;
    }
    return gateway;
  }

  async #start(): Promise<void> {
    const { settings, clock, onLine } = this.#parts;
    const { host, mqttPort, peer, token, limits, name } = settings;
    this.#listener = await startMqttListener({
      host,
      port: mqttPort,
      broker: this.#broker(),
      clock,
      log: ({ level, event, ...facts }) => onLine(level, `mqtt ${event}`, facts),
      ...(limits && { limits }),
    });
    this.#peers = await PeerListener.start({
      ...peer,
      token,
      gateway: name,
      service: {
        deliver: (command) => this.#deliver(command),
        publish: ({ properties, client, ...message }) =>
          this.#listener?.publish(
            { ...message, properties: propertiesFromJson(properties) },
            { client },
          ),
        takeOver: (ns, client, connection) => void this.#listener?.takeOver(ns, client, connection),
      },
    });
    this.#entries = this.#sessionEntries(this.#listener, this.#peers);
    await this.#entries.announce();
  }

  #sessionEntries(listener: MqttListener, peers: PeerListener): SessionEntries {
    const { sessions, directory, settings, clock, onLine } = this.#parts;
    const { name, peerUrl, peer } = settings;
    return new SessionEntries({
      gateway: { name, url: peerUrl ?? ownUrl(peer.host, peers.port) },
      sessions,
      directory,
      clients: {
        all: () => listener.connections(),
        has: ({ ns, client, connection }) => listener.holds(ns, client, connection),
        letGo: ({ ns, client, connection }) => void listener.takeOver(ns, client, connection),
      },
      clock,
      onTrouble: (what, why) => onLine("warn", `session directory: ${what} failed`, { why }),
    });
  }

  get mqttPort(): number {
    return this.#listener?.port ?? 0;
  }

  get stats(): MqttStats & { readonly unmatched: number; readonly queuedBytes: number } {
    const stats = this.#listener?.stats();
    if (stats === undefined) throw new Error("the gateway is not started");
    return {
      ...stats,
      unmatched: this.#ingest.unmatched,
      queuedBytes: this.#parts.events.queuedBytes,
    };
  }

  /** What there is to know of its work now. */
  observe(observe: Observe): void {
    observeMqtt(observe, this.stats);
  }

  async #deliver(command: CommandMessage): ReturnType<GatewayLink["deliver"]> {
    const { tracer } = this.#parts;
    const { topic, qos, id, trace, ...message } = command;
    const span = tracer?.begin("deliver", trace, {
      attributes: { ...attributesOf(command), "millrace.effect.id": id },
    });
    // A device that goes on with the trace finds it where it would put its own.
    const properties = span && { userProperties: [["traceparent", span.trace] as const] };
    const sent = { ...message, topic, qos, id, ...(properties && { properties }) };
    const outcome = (await this.#listener?.deliver(sent)) ?? { outcome: "none" };
    span?.end({ attributes: { "millrace.outcome": outcome.outcome } });
    return outcome;
  }

  // ---- what the MQTT side asks of us

  #broker(): Broker {
    const { events, directory, settings } = this.#parts;
    return {
      admit: (request) => admit(request, settings.token),
      // Until policies have their say, everybody may do everything; every process says so at start.
      authorize: () => true,
      publish: (publication) => this.#publish(publication),
      forward: (publication) => this.#forward(publication),
      congested: () => events.congested,
      onRelief: (call) => events.onRelief(call),
      attached: (client) => void this.#entries?.attach(client),
      detached: (client) => void this.#entries?.detach(client),
      subscribed: (ns, filter) => {
        directory.add(ns, filter, this.#self);
        this.#peers?.subscribed(ns, filter);
      },
      unsubscribed: (ns, filter) => {
        directory.remove(ns, filter, this.#self);
        this.#peers?.unsubscribed(ns, filter);
      },
    };
  }

  async #publish(publication: Publication): Promise<void> {
    const { client, topic, payload, qos, properties } = publication;
    const { tracer, clock } = this.#parts;
    const props = userProperties(properties?.userProperties);
    const given = traceparentOf(props);
    const root = tracer?.root("publish", given, { attributes: attributesOf(publication) });
    const trace = root?.trace ?? given ?? newTrace(() => clock.random());
    publication.trace = trace;
    const { ns, client: id, thing } = client;
    try {
      await this.#ingest.write({ ns, client: id, thing, topic, payload, qos, props, trace });
      root?.span?.end();
    } catch (error) {
      root?.span?.end({ error: messageOf(error) });
      throw error;
    }
  }

  /** To the subscribers of other gateways. */
  #forward({ client, topic, payload, qos, properties }: Publication): void {
    this.#parts.directory.forward({
      ns: client.ns,
      topic,
      payload,
      qos,
      client: client.client,
      properties: propertiesToJson(properties),
    });
  }

  /** Takes no more, answers what is under way, and lets the clients go. */
  async stop(drainMs: number): Promise<void> {
    this.#entries?.stop();
    await this.#listener?.close({ drainMs });
    if (this.#entries !== undefined)
      await within(this.#parts.clock, drainMs, this.#entries.withdraw());
    await this.#peers?.close();
  }
}

function admit(request: ConnectRequest, token: string | undefined): Admission {
  if (token === undefined) return { ns: DEFAULT_NAMESPACE };
  if (isSameSecret(request.password ?? "", token)) return { ns: DEFAULT_NAMESPACE };
  return refuse("bad-credentials", "the password is not MILLRACE_TOKEN");
}

function userProperties(
  pairs: readonly (readonly [string, string])[] | undefined,
): Record<string, string | string[]> | undefined {
  if (pairs === undefined || pairs.length === 0) return undefined;
  const props: Record<string, string | string[]> = {};
  for (const [name, value] of pairs) {
    const known = props[name];
    props[name] =
      known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value];
  }
  return props;
}

function traceparentOf(props: Record<string, string | string[]> | undefined): string | undefined {
  const given = props?.["traceparent"];
  return typeof given === "string" && isTraceparent(given) ? given : undefined;
}

/** By the semantic conventions of messaging. */
function attributesOf({
  topic,
  payload,
  qos,
  client,
}: Pick<Publication, "topic" | "payload" | "qos"> & Partial<Publication>): SpanAttributes {
  return {
    "messaging.system": "mqtt",
    "messaging.destination.name": topic,
    "messaging.message.body.size": payload.length,
    "millrace.mqtt.qos": qos,
    ...(client !== undefined && { "messaging.client.id": client.client }),
  };
}
