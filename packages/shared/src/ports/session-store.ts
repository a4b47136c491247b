/** A gateway process as others find it. */
export interface GatewayInfo {
  readonly name: string;
  /** Where its internal listener answers dispatchers and other gateways. */
  readonly url: string;
}

/** Who holds a client's connection. */
export interface SessionHolder {
  readonly gateway: string;
  /** Names one connection of that gateway. */
  readonly connection: string;
}

/**
 * Which gateways there are, and which of them holds whom.
 *
 * No fold of a log: when it is wiped, gateways announce themselves anew and sessions begin anew.
 */
export interface SessionStore {
  /** Says that a gateway lives; it is forgotten `ttlMs` after its last word. */
  announce(gateway: GatewayInfo, ttlMs: number): Promise<void>;
  withdraw(gateway: string): Promise<void>;
  gateways(): Promise<readonly GatewayInfo[]>;
  /** Takes a client id for a connection. @returns who held it, if another did */
  attach(ns: string, client: string, holder: SessionHolder): Promise<SessionHolder | undefined>;
  /** Lets go of a client id, if this connection still holds it. */
  detach(ns: string, client: string, holder: SessionHolder): Promise<void>;
  close(): Promise<void>;
}
