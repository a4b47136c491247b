import { createServer, type Server, type Socket } from "node:net";
import { listenError } from "@millrace/shared/errors/listen-error";
import type { CommandOutcome } from "@millrace/shared/peer/gateways";
import type { Clock } from "@millrace/shared/ports/clock";
import type { RefusalName } from "../admit/refusals.ts";
import { Deliveries } from "../deliver/deliveries.ts";
import type { Command, Message } from "../deliver/message.ts";
import type { Broker, ClientInfo } from "./broker.ts";
import { Clients } from "./clients.ts";
import { Connection } from "./connection.ts";
import { type Counters, noCounts } from "./counters.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import { endByServer } from "./ending.ts";
import { defaultMqttLimits, type MqttLimits } from "./limits.ts";
import type { Listening } from "./listening.ts";
import type { ListenLog } from "./log.ts";
import { Flusher } from "./outlet.ts";
import { ReadingGate } from "./reading-gate.ts";
import { Tally } from "./tally.ts";

export interface MqttListenerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: ListenLog;
  readonly limits?: Partial<MqttLimits>;
}

export interface MqttStats extends Readonly<Counters> {
  readonly connections: number;
  /** Of `connections`, those that were let in. */
  readonly clients: number;
  /** Connections that are not read because the broker is congested. */
  readonly held: number;
  /** Publishes that the broker has not answered. */
  readonly underWay: number;
}

export interface MqttListener {
  readonly port: number;
  stats(): MqttStats;
  /** The clients that are connected now. */
  connections(): IterableIterator<ClientInfo>;
  /** Hands a message to the subscribers of this process and tells how that ended. */
  deliver(command: Command): Promise<CommandOutcome>;
  /** Sends what a device published at another gateway to the subscribers of this process. */
  publish(message: Message, publisher: { readonly client: string }): void;
  /** Whether a client is connected here, by this connection. */
  holds(ns: string, client: string, connection: string): boolean;
  /** Ends a connection whose client has come to another gateway; a newer one here is left alone. */
  takeOver(ns: string, client: string, connection: string): boolean;
  /** Ends a client's connection. @returns whether it was here */
  disconnect(ns: string, client: string, refused?: RefusalName, reason?: string): boolean;
  /**
   * Takes no new connections, ends each one when its publishes are answered, and resolves when the
   * last one is closed and its will taken by the broker, or after `drainMs`, whatever is open then.
   *
   * Wills are published: the clients did not say goodbye [MQTT-3.1.2-8], and a session that ends with
   * its connection leaves nothing that could publish one later.
   */
  close(options: { readonly drainMs: number }): Promise<void>;
}

/**
 * Serves MQTT over TCP.
 *
 * @throws OperationalError START-001 when the port is in use
 */
export async function startMqttListener(options: MqttListenerOptions): Promise<MqttListener> {
  const server = createServer({
    // We gather packets ourselves; waiting for more would only add to their way.
    noDelay: true,
    // A peer without keep alive that vanished is noticed by TCP's own probes.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  const port = await listen(server, options);
  const world = worldOf(options); // its timer runs from here on
  server.maxConnections = world.limits.connectionsMax;
  server.on("connection", (socket) => accept(world, socket));
  server.on("drop", () => world.counters.acceptsRefused++);
  // Accepting can fail later, for want of file descriptors; the next one may succeed.
  server.on("error", (error) =>
    world.log({ level: "error", event: "broken", address: "", reason: error.message }),
  );
  options.broker.onRelief(() => world.gate.relieve());
  return listenerOf(world, server, port);
}

function worldOf({ broker, clock, log, limits: chosen }: MqttListenerOptions): Listening {
  const limits = { ...defaultMqttLimits, ...chosen };
  return {
    broker,
    limits,
    clock,
    log,
    counters: noCounts(),
    deliveries: new Deliveries(broker, limits.appliedEffectsMax),
    clients: new Clients(),
    connections: new Set(),
    wheel: new DeadlineWheel(clock),
    flusher: new Flusher(),
    gate: new ReadingGate(() => broker.congested()),
    underWay: new Tally(),
    open: new Tally(),
  };
}

function listen(server: Server, { host, port }: MqttListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(listenError(error, { host, port, setting: "MILLRACE_MQTT_PORT" }));
    });
    // A fleet that lost its gateway comes back all at once; the kernel caps this at its own maximum.
    server.listen({ host, port, backlog: 4_096 }, () => {
      server.removeAllListeners("error");
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** The connection that a socket belongs to; the handlers are shared by all sockets. */
const owner = Symbol("connection");
type OwnedSocket = Socket & { [owner]?: Connection };

function accept(world: Listening, socket: OwnedSocket): void {
  const connection = new Connection(world, socket);
  socket[owner] = connection;
  world.counters.accepted++;
  world.connections.add(connection);
  world.open.begun();
  socket.on("data", onData);
  socket.on("drain", onDrain);
  socket.on("end", onEnd);
  socket.on("error", onError);
  socket.on("close", onClose);
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[owner]?.received(chunk);
}

function onDrain(this: OwnedSocket): void {
  this[owner]?.drained();
}

function onEnd(this: OwnedSocket): void {
  this[owner]?.lost("the client closed it");
}

function onError(this: OwnedSocket, error: Error): void {
  this[owner]?.lost(error.message);
}

function onClose(this: OwnedSocket): void {
  const connection = this[owner];
  if (connection === undefined) return;
  const { world } = connection;
  connection.lost("it was closed");
  world.wheel.remove(connection);
  world.connections.delete(connection);
  world.open.ended();
}

function listenerOf(world: Listening, server: Server, port: number): MqttListener {
  const { clients, connections, counters, deliveries, gate, underWay } = world;
  return {
    port,
    stats: () => ({
      ...counters,
      connections: connections.size,
      clients: clients.size,
      held: gate.size,
      underWay: underWay.count,
    }),
    connections: () => clients.infos(),
    deliver: (command) => deliveries.deliver(command),
    publish: (message, publisher) => deliveries.publish(message, publisher),
    holds: (ns, client, connection) => clients.get(ns, client)?.info.connection === connection,
    takeOver(ns, client, connection) {
      const session = clients.get(ns, client);
      if (session?.info.connection !== connection) return false;
      session.connection.end(endByServer("session-taken-over", "it connected to another gateway"));
      return true;
    },
    disconnect(ns, client, refused = "administrative-action", reason = "an operator's wish") {
      const session = clients.get(ns, client);
      session?.connection.end(endByServer(refused, reason));
      return session !== undefined;
    },
    close: ({ drainMs }) => close(world, server, drainMs),
  };
}

async function close(world: Listening, server: Server, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of world.connections) connection.leave();
  await within(world.clock, drainMs, drained(world));
  for (const connection of world.connections) {
    connection.end(endByServer("server-shutting-down", "its publishes were not answered in time"));
    connection.socket.destroy();
  }
  await world.open.none();
  await closed;
  world.wheel.stop();
}

/** The last socket is closed, and every publish and will is answered. */
async function drained({ open, underWay }: Listening): Promise<void> {
  await open.none();
  await underWay.none();
}

function within(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    void work.finally(cancel).then(resolve);
  });
}
