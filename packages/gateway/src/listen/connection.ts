import type { Socket } from "node:net";
import { messageOf } from "@millrace/shared/errors/operational";
import { type Refusal, refuse } from "../admit/refusals.ts";
import type { Timed } from "./deadline-wheel.ts";
import { type Ending, endByServer, endLost, endRefusing, endUnheard } from "./ending.ts";
import { shakeHands } from "./handshake.ts";
import type { Listening } from "./listening.ts";
import { Outlet } from "./outlet.ts";
import { CONNECT, handlePacket, isQos1Publish } from "./packets.ts";
import type { Held } from "./reading-gate.ts";
import type { Session } from "./session.ts";
import { encodeDisconnect } from "./wire/control.ts";
import { PacketFault, protocolError } from "./wire/fault.ts";
import { FrameReader } from "./wire/frame-reader.ts";

/** Why a socket is not read; it is while none of them holds. */
const hold = {
  /** The client is being admitted: what it sent behind its CONNECT waits. */
  admission: 1,
  /** A QoS 1 publish came while the broker is congested. */
  congestion: 2,
  /** A 3.1.1 client has as many unacknowledged publishes as we take. */
  window: 4,
  /** The client does not read our answers. */
  answers: 8,
  /** The server is shutting down. */
  leaving: 16,
} as const;

/** Answers that a client may leave unread before it is not read any more. */
const UNREAD_BYTES_MAX = 512 * 1_024;

/**
 * One network connection: bytes in, packets to the session, and how it ends.
 *
 * C1 Packets are handled one by one in the order in which they came; the rest of a chunk stays unread
 *    while the connection is held.
 * C2 It ends once, for the first reason there is; the session hears of that before anything else happens.
 * C3 Whatever a client sends, the worst is the end of its own connection.
 */
export class Connection implements Timed, Held {
  readonly world: Listening;
  readonly socket: Socket;
  readonly outlet: Outlet;
  readonly address: string;
  slot: number | undefined = undefined;
  readonly #reader = new FrameReader();
  #phase: "first" | "admission" | "open" | "over" = "first";
  #session: Session | undefined = undefined;
  #holds = 0;
  #reading = false;
  #keepAliveMs = 0;
  #lastPacketMs: number;

  constructor(world: Listening, socket: Socket) {
    this.world = world;
    this.socket = socket;
    this.outlet = new Outlet(socket, world.flusher);
    this.address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#lastPacketMs = world.clock.monotonicMs();
    world.wheel.set(this, this.#lastPacketMs + world.limits.connectTimeoutMs);
  }

  get isOver(): boolean {
    return this.#phase === "over";
  }

  /** Bytes came from the socket. */
  received(chunk: Buffer): void {
    if (this.#phase === "over") return;
    this.#reader.push(chunk);
    this.#read();
  }

  /** The client was let in. @param keepAliveMs what it may be silent, 0 for as long as it likes */
  opened(session: Session, keepAliveMs: number): void {
    this.#session = session;
    this.#phase = "open";
    this.#keepAliveMs = keepAliveMs;
    this.#touched();
    if (keepAliveMs === 0) this.world.wheel.remove(this);
    else this.world.wheel.set(this, this.#lastPacketMs + keepAliveMs);
    this.#release(hold.admission);
  }

  send(packet: Buffer): void {
    this.outlet.add(packet);
  }

  /** Ends the connection: DISCONNECT where there is a word for it, then what is written, then silence. */
  end(ending: Ending): void {
    if (this.#phase === "over") return;
    const session = this.#session;
    this.#phase = "over";
    if (session?.speaks5 && ending.code !== undefined) {
      this.send(encodeDisconnect(ending.code, ending.says, session.packetBytesMax));
    }
    this.outlet.end();
    this.world.gate.drop(this);
    // Read and thrown away until the client closes too: to close with bytes unread would reset the
    // connection, and the client might never see our last packet.
    this.socket.resume();
    this.world.wheel.set(this, this.world.clock.monotonicMs() + this.world.limits.lingerMs);
    if (session === undefined) this.#log(ending);
    else session.log(ending.level, ending.event, ending.reason);
    session?.closed(ending.will);
  }

  /** Refuses a client that was not let in yet, after its CONNACK if it got one. */
  refuseFirst(refusal: Refusal, client?: string): void {
    if (this.#phase === "over") return;
    this.world.counters.connectsRefused++;
    this.end(endUnheard(refusal, client));
  }

  /** The socket drained. */
  drained(): void {
    this.outlet.drained();
    this.#session?.drained();
    this.#release(hold.answers);
  }

  /** The broker can take more. */
  relieved(): void {
    this.#release(hold.congestion);
  }

  /** Some publishes of this client got their answer. */
  roomMade(): void {
    this.#release(hold.window);
  }

  /** The server is shutting down: nothing more is read, what was taken is answered. */
  leave(): void {
    if (this.#phase === "over") return;
    this.#hold(hold.leaving);
    if (this.#session === undefined) {
      this.end(endUnheard(refuse("server-shutting-down", "before it was let in")));
    } else {
      this.#session.leave();
    }
  }

  /** The socket is gone, or nothing more comes from it. */
  lost(cause: string): void {
    this.end(endLost(cause));
  }

  due(nowMs: number): void {
    if (this.#phase === "over") {
      this.socket.destroy();
    } else if (this.#phase !== "open") {
      this.refuseFirst(refuse("server-unavailable", "no CONNECT was taken in time"));
    } else if (this.#holds !== 0) {
      // What the client sends is not read, so its silence is ours.
      this.world.wheel.set(this, nowMs + this.#keepAliveMs);
    } else if (nowMs - this.#lastPacketMs < this.#keepAliveMs) {
      this.world.wheel.set(this, this.#lastPacketMs + this.#keepAliveMs);
    } else {
      this.world.counters.keepAliveTimeouts++;
      this.end(endByServer("keep-alive-timeout", "no packet within 1.5 times its keep alive"));
    }
  }

  #read(): void {
    // A publish may release a hold of this very connection while it is being handled.
    if (this.#reading) return;
    this.#reading = true;
    try {
      this.#readPackets();
    } catch (error) {
      this.#broken(error);
    } finally {
      this.#reading = false;
    }
    this.#reader.settle();
    if (this.#phase === "over") return;
    if (this.outlet.waitingBytes > UNREAD_BYTES_MAX) this.#hold(hold.answers);
  }

  #readPackets(): void {
    const reader = this.#reader;
    const { packetBytesMax } = this.world.limits;
    // Told from its first byte, since what follows may be TLS or HTTP, and its length mean nothing.
    if (this.#phase === "first" && reader.next !== undefined && reader.next !== CONNECT) {
      protocolError("the first packet is no CONNECT [MQTT-3.1.0-1]");
    }
    while (this.#holds === 0 && this.#phase !== "over" && reader.find(packetBytesMax)) {
      if (this.#session !== undefined && this.#mustWait(this.#session, reader.first)) return;
      reader.take();
      this.#touched();
      if (this.#session === undefined) this.#first();
      else handlePacket(this.#session, reader);
    }
  }

  #mustWait(session: Session, first: number): boolean {
    if (!isQos1Publish(first)) return false;
    if (this.world.broker.congested()) {
      this.world.gate.hold(this);
      this.#hold(hold.congestion);
    } else if (!session.speaks5 && session.inbox.unacknowledged >= this.world.limits.receiveMax) {
      this.#hold(hold.window);
    }
    return this.#holds !== 0;
  }

  #first(): void {
    this.#phase = "admission";
    this.#hold(hold.admission);
    const { buffer, start, stop } = this.#reader;
    // Copied: admission may take long, and the chunk it came in may be larger.
    shakeHands(this, Buffer.from(buffer.subarray(start, stop))).catch((error: unknown) =>
      this.#broken(error),
    );
  }

  /** @param error a client's fault, or ours */
  #broken(error: unknown): void {
    const { counters } = this.world;
    if (error instanceof PacketFault) {
      counters.protocolErrors++;
      if (this.#session === undefined) this.refuseFirst(error.refusal);
      else this.end(endRefusing(error.refusal));
      return;
    }
    // A bug stops the connection that met it, and is not taken for a client's fault.
    const reason = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    this.world.log({ level: "error", event: "bug", address: this.address, reason });
    this.end(endByServer("unspecified", "a bug; see the line before"));
  }

  #hold(why: number): void {
    if (this.#holds === 0) this.socket.pause();
    this.#holds |= why;
  }

  #release(why: number): void {
    if ((this.#holds & why) === 0) return;
    this.#holds &= ~why;
    if (this.#holds !== 0 || this.#phase === "over") return;
    this.#touched();
    this.#read();
    if (this.#holds === 0) this.socket.resume();
  }

  #touched(): void {
    this.#lastPacketMs = this.world.clock.monotonicMs();
  }

  #log({ level, event, reason, client }: Ending): void {
    const { address } = this;
    this.world.log({ level, event, address, reason, ...(client !== undefined && { client }) });
  }
}
