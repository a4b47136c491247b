import { connect, type Socket } from "node:net";
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type ISubscription,
  type Packet,
  parser,
} from "mqtt-packet";

type Level = 3 | 4 | 5;

/**
 * A client that does exactly what a test says, bad manners included, and never anything by itself.
 *
 * Its own parser is mqtt-packet's, so that what we encode is read by somebody else's code.
 */
export class RawClient {
  readonly socket: Socket;
  readonly level: Level;
  readonly received: Packet[] = [];
  readonly closed: Promise<void>;
  #taken = 0;
  #isClosed = false;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket, level: Level) {
    this.socket = socket;
    this.level = level;
    const parsing = parser({ protocolVersion: level });
    parsing.on("packet", (packet) => {
      this.received.push(packet);
      this.#news();
    });
    parsing.on("error", (error: Error) => socket.destroy(error));
    socket.on("data", (bytes) => parsing.parse(bytes));
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isClosed = true;
        this.#news();
        resolve();
      });
    });
  }

  /** Opens a connection and sends nothing. */
  static async open(port: number, level: Level = 4): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise((resolve, reject) => socket.on("connect", resolve).on("error", reject));
    return new RawClient(socket, level);
  }

  /** Opens a connection and gets it accepted. */
  static async connect(
    port: number,
    clientId: string,
    level: Level = 4,
    more: Partial<IConnectPacket> = {},
  ): Promise<RawClient> {
    const client = await RawClient.open(port, level);
    const connack = await client.sayHello(clientId, more);
    const code = connack.returnCode ?? connack.reasonCode;
    if (code !== 0) throw new Error(`CONNACK ${code}`);
    return client;
  }

  async sayHello(clientId: string, more: Partial<IConnectPacket> = {}): Promise<IConnackPacket> {
    this.send(this.hello(clientId, more));
    return (await this.next("connack")) as IConnackPacket;
  }

  hello(clientId: string, more: Partial<IConnectPacket> = {}): IConnectPacket {
    return {
      cmd: "connect",
      clientId,
      protocolVersion: this.level,
      protocolId: this.level === 3 ? "MQIsdp" : "MQTT",
      clean: true,
      keepalive: 0,
      ...more,
    };
  }

  send(...packets: Packet[]): void {
    this.write(Buffer.concat(packets.map((p) => generate(p, { protocolVersion: this.level }))));
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  publish(
    topic: string,
    payload: string | Buffer,
    messageId = 0,
    more: Partial<IPublishPacket> = {},
  ): void {
    this.send(publishPacket(topic, payload, messageId, more));
  }

  puback(messageId: number, reasonCode = 0): void {
    this.send({ cmd: "puback", messageId, reasonCode });
  }

  /** @returns the codes of the SUBACK */
  async subscribe(
    filters: string | readonly (Partial<ISubscription> & { topic: string })[],
    properties?: { subscriptionIdentifier?: number },
  ): Promise<number[]> {
    const asked = typeof filters === "string" ? [{ topic: filters }] : filters;
    const subscriptions = asked.map((one) => ({ qos: 1 as const, rh: 0, ...one }));
    this.send({ cmd: "subscribe", messageId: 9, subscriptions, ...(properties && { properties }) });
    return ((await this.next("suback")) as { granted: number[] }).granted;
  }

  /** The next packet, of a kind if one is named: anything else before it is an error. */
  async next(cmd?: Packet["cmd"]): Promise<Packet> {
    while (this.received.length <= this.#taken) {
      if (this.#isClosed) throw new Error(`closed while waiting for ${cmd ?? "a packet"}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    const packet = this.received[this.#taken++] as Packet;
    if (cmd !== undefined && packet.cmd !== cmd) {
      throw new Error(`waited for ${cmd}, got ${JSON.stringify(packet)}`);
    }
    return packet;
  }

  async nextPublish(): Promise<IPublishPacket & { messageId: number }> {
    return (await this.next("publish")) as IPublishPacket & { messageId: number };
  }

  /** Resolves with the reason code of a DISCONNECT, once the connection is closed too. */
  async disconnected(): Promise<number | undefined> {
    const packet = (await this.next("disconnect")) as { reasonCode?: number };
    await this.closed;
    return packet.reasonCode;
  }

  /** Says hello to the server and waits for its answer: all that was sent before has been handled. */
  async ping(): Promise<void> {
    this.send({ cmd: "pingreq" });
    await this.next("pingresp");
  }

  /** Packets that came and that nobody has taken. */
  get unread(): readonly Packet[] {
    return this.received.slice(this.#taken);
  }

  close(): void {
    this.socket.destroy();
  }

  #news(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

export function publishPacket(
  topic: string,
  payload: string | Buffer,
  messageId = 0,
  more: Partial<IPublishPacket> = {},
): IPublishPacket {
  const qos = messageId === 0 ? 0 : 1;
  return { cmd: "publish", topic, payload, messageId, qos, dup: false, retain: false, ...more };
}
