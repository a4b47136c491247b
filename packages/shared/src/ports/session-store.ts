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
 * No fold of a log: when it is wiped, or set back, gateways announce themselves and their clients anew.
 */
export interface SessionStore {
  /**
   * Says that a gateway lives; it is forgotten `ttlMs` after its last word.
   * @returns whether its last word was still here; not, where the store has lost something since
   */
  announce(gateway: GatewayInfo, ttlMs: number): Promise<boolean>;
  withdraw(gateway: string): Promise<void>;
  gateways(): Promise<readonly GatewayInfo[]>;
  /** Takes a client id for a connection. @returns who held it, if another did */
  attach(ns: string, client: string, holder: SessionHolder): Promise<SessionHolder | undefined>;
  /**
   * Takes a client id again for a connection that had it, and keeps it for as long as `attach` does.
   * @returns who holds it now, if another does: nothing has changed then
   */
  reattach(ns: string, client: string, holder: SessionHolder): Promise<SessionHolder | undefined>;
  /** Lets go of a client id, if this connection still holds it. */
  detach(ns: string, client: string, holder: SessionHolder): Promise<void>;
  close(): Promise<void>;
}
