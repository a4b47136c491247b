import { createServer, type IncomingMessage, type Server } from "node:http";
import { listenError } from "@millrace/shared/errors/listen-error";
import type {
  CommandMessage,
  CommandOutcome,
  ForwardedPublish,
} from "@millrace/shared/peer/gateways";
import { type PeerAnswer, type PeerRequest, parseRequests } from "@millrace/shared/peer/messages";
import { FrameOutbox } from "@millrace/shared/peer/outbox";
import { type WebSocket, WebSocketServer } from "ws";
import { isSameSecret } from "../admit/same-secret.ts";

/** What dispatchers and other gateways may ask of this one. */
export interface PeerService {
  deliver(command: CommandMessage): Promise<CommandOutcome>;
  publish(publish: ForwardedPublish): void;
  takeOver(ns: string, client: string, connection: string): void;
}

export interface PeerListenerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Without it, anybody who reaches the port is answered: loopback only. */
  readonly token: string | undefined;
  readonly gateway: string;
  readonly service: PeerService;
}

/** The largest frame: a turn's commands of 128 KiB each, as base64. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const FILTERS_PER_FRAME = 5_000;

/**
 * A gateway's internal listener: dispatchers hand commands over here, and are told which filters have
 * subscribers.
 */
export class PeerListener {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #filters = new Map<string, readonly [ns: string, filter: string]>();
  readonly #peers = new Set<FrameOutbox<PeerAnswer>>();
  /** Of a filter that comes and goes in one turn, the last word counts. */
  #changed = new Map<string, { came: boolean; place: [ns: string, filter: string] }>();

  private constructor(server: Server, sockets: WebSocketServer, port: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  /** @throws OperationalError START-001 when the port is in use */
  static async start(options: PeerListenerOptions): Promise<PeerListener> {
    const server = createServer((_request, response) => response.writeHead(426).end());
    const sockets = new WebSocketServer({
      server,
      maxPayload: FRAME_BYTES_MAX,
      perMessageDeflate: false,
      verifyClient: ({ req }: { req: IncomingMessage }) => isAllowed(req, options.token),
    });
    const port = await listen(server, options);
    const listener = new PeerListener(server, sockets, port);
    sockets.on("connection", (socket) => listener.#greet(socket, options));
    return listener;
  }

  #greet(socket: WebSocket, { gateway, service }: PeerListenerOptions): void {
    const outbox = new FrameOutbox<PeerAnswer>((frame) => {
      if (socket.readyState === socket.OPEN) socket.send(frame);
    });
    const all = [...this.#filters.values()].map(([ns, filter]): [string, string] => [ns, filter]);
    outbox.push({ t: "hello", gateway, filters: all.splice(0, FILTERS_PER_FRAME) });
    outbox.flush();
    while (all.length > 0) {
      outbox.push({ t: "filters", add: all.splice(0, FILTERS_PER_FRAME), remove: [] });
      outbox.flush();
    }
    this.#peers.add(outbox);
    socket.on("message", (data: Buffer) => {
      try {
        for (const request of parseRequests(data.toString("utf8"))) serve(request, service, outbox);
      } catch {
        socket.terminate(); // not one of ours, or of another age
      }
    });
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#peers.delete(outbox));
  }

  /** Peers that are connected. */
  get connections(): number {
    return this.#peers.size;
  }

  /** A filter has its first subscriber here. */
  subscribed(ns: string, filter: string): void {
    this.#filters.set(`${ns}\0${filter}`, [ns, filter]);
    this.#tell(ns, filter, true);
  }

  /** The last subscriber of a filter left. */
  unsubscribed(ns: string, filter: string): void {
    this.#filters.delete(`${ns}\0${filter}`);
    this.#tell(ns, filter, false);
  }

  #tell(ns: string, filter: string, came: boolean): void {
    if (this.#changed.size === 0) queueMicrotask(() => this.#tellNow());
    this.#changed.set(`${ns}\0${filter}`, { came, place: [ns, filter] });
  }

  #tellNow(): void {
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    const add = changed.filter(({ came }) => came).map(({ place }) => place);
    const remove = changed.filter(({ came }) => !came).map(({ place }) => place);
    for (const peer of this.#peers) peer.push({ t: "filters", add, remove });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function serve(request: PeerRequest, service: PeerService, outbox: FrameOutbox<PeerAnswer>): void {
  switch (request.t) {
    case "deliver": {
      const { n, id, ns, topic, qos, trace } = request;
      const payload = Buffer.from(request.payload, "base64");
      void service.deliver({ id, ns, topic, qos: qos as 0 | 1, payload, trace }).then(
        (outcome) => outbox.push({ t: "outcome", n, ...outcome }),
        () => outbox.push({ t: "outcome", n, outcome: "none" }),
      );
      break;
    }
    case "publish": {
      const { ns, topic, qos, client, properties } = request;
      const payload = Buffer.from(request.payload, "base64");
      service.publish({ ns, topic, qos: qos as 0 | 1, client, payload, properties });
      break;
    }
    case "takeover":
      service.takeOver(request.ns, request.client, request.connection);
  }
}

function isAllowed({ headers }: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  return isSameSecret(headers.authorization ?? "", `Bearer ${token}`);
}

function listen(server: Server, { host, port }: PeerListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(listenError(error, { host, port, setting: "MILLRACE_PEER_URL" }));
    });
    server.listen({ host, port }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
