import type { Admission, Broker, ClientInfo, ConnectRequest, Publication } from "../broker.ts";

/** A publish that waits for a test to say how it ends. */
export interface Waiting {
  readonly publication: Publication;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A Broker that keeps what it is given, and does what a test tells it to. */
export class MemoryBroker implements Broker {
  readonly requests: ConnectRequest[] = [];
  readonly published: Publication[] = [];
  /** Payloads as text. */
  readonly forwarded: string[] = [];
  /** Filled instead of answering at once while `byHand`. */
  readonly waiting: Waiting[] = [];
  /** What happened to clients and filters, one line each. */
  readonly events: string[] = [];
  byHand = false;
  isCongested = false;
  admission: (request: ConnectRequest) => Promise<Admission> | Admission = () => ({
    ns: "default",
  });
  /** `action topic` of what nobody may do. */
  readonly denied = new Set<string>();
  #relief: () => void = () => undefined;

  admit(request: ConnectRequest): Promise<Admission> | Admission {
    this.requests.push(request);
    return this.admission(request);
  }

  authorize(_: ClientInfo, action: string, topic: string): boolean {
    return !this.denied.has(`${action} ${topic}`);
  }

  publish(publication: Publication): Promise<void> {
    this.published.push(publication);
    if (!this.byHand) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiting.push({ publication, resolve, reject }));
  }

  forward({ payload }: Publication): void {
    this.forwarded.push(payload.toString());
  }

  congested(): boolean {
    return this.isCongested;
  }

  onRelief(call: () => void): void {
    this.#relief = call;
  }

  relieve(): void {
    this.isCongested = false;
    this.#relief();
  }

  attached({ client }: ClientInfo): void {
    this.events.push(`attached ${client}`);
  }

  detached({ client }: ClientInfo): void {
    this.events.push(`detached ${client}`);
  }

  subscribed(ns: string, filter: string): void {
    this.events.push(`subscribed ${ns} ${filter}`);
  }

  unsubscribed(ns: string, filter: string): void {
    this.events.push(`unsubscribed ${ns} ${filter}`);
  }

  /** Payloads as text, in the order in which they were handed over. */
  get payloads(): string[] {
    return this.published.map(({ payload }) => payload.toString());
  }
}
