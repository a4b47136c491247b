import type { Socket } from "node:net";
import type { Delivery } from "../deliver/delivery.ts";

/** What one turn of the event loop may gather for a socket before it is written at once. */
const GATHERED_BYTES_MAX = 64 * 1_024;

/** Packets together up to this are copied into one buffer: cheaper than a vector of small ones. */
const JOINED_BYTES_MAX = 64 * 1_024;

/** Writes all outlets that gathered something in this turn of the event loop, once it is over. */
export class Flusher {
  #waiting: Outlet[] = [];

  /** After the poll phase, so that all packets of a turn, whoever caused them, share a write. */
  add(outlet: Outlet): void {
    if (this.#waiting.length === 0) setImmediate(this.#flush);
    this.#waiting.push(outlet);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const outlet of waiting) outlet.flush();
  };
}

/**
 * The way out of one connection.
 *
 * O1 Packets leave in the order in which they were added.
 * O2 `isOpen` is false from a write that the socket did not take until it drained, or for good once
 *    the connection is over: what may wait is not added meanwhile, so that memory stays bounded.
 */
export class Outlet {
  readonly #socket: Socket;
  readonly #flusher: Flusher;
  #packets: Buffer[] = [];
  #bytes = 0;
  /** QoS 0 deliveries among `#packets`: done when the socket took them. */
  #taking: Delivery[] | undefined = undefined;
  #queued = false;
  #full = false;
  #over = false;

  constructor(socket: Socket, flusher: Flusher) {
    this.#socket = socket;
    this.#flusher = flusher;
  }

  get isOpen(): boolean {
    return !this.#full && !this.#over;
  }

  /** Bytes that the socket has not given to the kernel. */
  get waitingBytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  add(packet: Buffer): void {
    if (this.#over) return;
    this.#packets.push(packet);
    this.#bytes += packet.length;
    this.#schedule();
  }

  /** Adds a packet in one or two parts, whose delivery is done when the socket took it all. */
  addDelivery(head: Buffer, tail: Buffer | undefined, delivery: Delivery | undefined): void {
    if (this.#over) {
      delivery?.lost();
      return;
    }
    this.#packets.push(head);
    this.#bytes += head.length;
    if (tail !== undefined) {
      this.#packets.push(tail);
      this.#bytes += tail.length;
    }
    if (delivery !== undefined) (this.#taking ??= []).push(delivery);
    this.#schedule();
  }

  flush(): void {
    this.#queued = false;
    if (this.#packets.length === 0 || this.#over) return;
    this.#full = !this.#write(this.#packets, this.#bytes, this.#taken());
    this.#packets.length = 0;
    this.#bytes = 0;
  }

  /** The socket can take more. */
  drained(): void {
    this.#full = false;
  }

  /** Writes what there is, then nothing more; deliveries that a dead socket cannot take are lost. */
  end(): void {
    this.flush();
    this.#over = true;
    this.#socket.end();
  }

  #schedule(): void {
    if (this.#bytes >= GATHERED_BYTES_MAX) this.flush();
    else if (!this.#queued) {
      this.#queued = true;
      this.#flusher.add(this);
    }
  }

  #taken(): ((error?: Error | null) => void) | undefined {
    const taking = this.#taking;
    if (taking === undefined) return undefined;
    this.#taking = undefined;
    return (error) => {
      for (const delivery of taking) {
        if (error) delivery.lost();
        else delivery.delivered();
      }
    };
  }

  #write(packets: Buffer[], bytes: number, taken?: (error?: Error | null) => void): boolean {
    const socket = this.#socket;
    if (packets.length === 1) return socket.write(packets[0] as Buffer, taken);
    if (bytes <= JOINED_BYTES_MAX) return socket.write(Buffer.concat(packets, bytes), taken);
    socket.cork();
    const last = packets.length - 1;
    for (let i = 0; i < last; i++) socket.write(packets[i] as Buffer);
    const open = socket.write(packets[last] as Buffer, taken);
    socket.uncork();
    return open;
  }
}
