import type { Traceparent } from "@millrace/shared/contract/trace";
import type { ProtocolLevel, Refusal, RefusalName } from "../admit/refusals.ts";
import type { FilterWatch } from "../deliver/deliveries.ts";
import type { MessageProperties } from "../deliver/message.ts";

/** A client that was let in, for as long as its connection lives. */
export interface ClientInfo {
  readonly ns: string;
  /** The client id, the assigned one where it asked for one. */
  readonly client: string;
  /** Names this connection among all that this process ever had. */
  readonly connection: string;
  readonly protocol: ProtocolLevel;
  /** Where the client's identity names one. */
  readonly thing?: string;
  /** `host:port` of the other end. */
  readonly address: string;
  readonly username?: string;
}

/** Who asks to be let in, and with what. */
export interface ConnectRequest {
  readonly client: string;
  /** Whether the client id was made up here because the client sent none. */
  readonly assigned: boolean;
  readonly protocol: ProtocolLevel;
  readonly address: string;
  readonly username?: string;
  readonly password?: Buffer;
  readonly keepAliveSeconds: number;
  readonly will?: { readonly topic: string; readonly qos: 0 | 1; readonly retain: boolean };
}

export type Admission = { readonly ns: string; readonly thing?: string } | Refusal;

/** What a device published, or its will. */
export interface Publication {
  readonly client: ClientInfo;
  readonly topic: string;
  /** Yours to keep; never written to again. */
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly properties?: MessageProperties | undefined;
  /** From the Message Expiry Interval, by this machine's wall clock. */
  readonly expiresAtMs?: number | undefined;
  /** Set by the broker when it takes the publish: for lines about it. */
  trace?: Traceparent | undefined;
}

/** A publish that will never be accepted, and the code to say so with. */
export class PublishRefused extends Error {
  override readonly name = "PublishRefused";
  readonly refused: RefusalName;

  constructor(refused: RefusalName, detail: string) {
    super(detail);
    this.refused = refused;
  }
}

/**
 * The rest of the world, as the MQTT side of the gateway needs it.
 *
 * What is asked per message (`authorize`, `congested`) is answered at once and never throws.
 */
export interface Broker extends FilterWatch {
  /**
   * Says who a client is, or why it is not let in. A rejection is answered as `server-unavailable`.
   * The connect timeout runs on while this takes.
   */
  admit(request: ConnectRequest): Promise<Admission> | Admission;

  /** `topic` is a filter for `subscribe`. */
  authorize(
    client: ClientInfo,
    action: "publish" | "subscribe" | "receive",
    topic: string,
  ): boolean;

  /**
   * Takes a publish. Called in the order in which a connection's publishes came.
   *
   * Resolves when the log has it on all in-sync replicas. Rejects only when it never will:
   * PublishRefused chooses the code that the client sees, OperationalError LOG-003 is `quota-exceeded`,
   * anything else `unspecified`. A will is handed over even while `congested`.
   */
  publish(publication: Publication): Promise<void>;

  /**
   * Tells the rest of the world of a publish that the log has, for subscribers elsewhere. Called in the
   * order in which a connection's publishes came.
   */
  forward(publication: Publication): void;

  /** Whether no more should be handed over: QoS 0 is then dropped, for QoS 1 sockets are not read. */
  congested(): boolean;

  /** Registers a call for every time that `congested` turns false again. Asked for once, at start. */
  onRelief(call: () => void): void;

  /** After admission and before CONNACK; the older connection of the same client is detached before. */
  attached(client: ClientInfo): void;
  detached(client: ClientInfo): void;
}
