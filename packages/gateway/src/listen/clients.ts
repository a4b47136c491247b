import type { ClientInfo } from "./broker.ts";
import type { Session } from "./session.ts";

/** Who is connected: one session for each client id of a namespace [MQTT-3.1.4-3]. */
export class Clients {
  readonly #byName = new Map<string, Session>();

  get size(): number {
    return this.#byName.size;
  }

  get(ns: string, client: string): Session | undefined {
    return this.#byName.get(nameOf(ns, client));
  }

  /** Takes the client id for a session; the one that held it must have ended before. */
  enter(session: Session): void {
    this.#byName.set(nameOf(session.ns, session.client), session);
  }

  leave(session: Session): void {
    const name = nameOf(session.ns, session.client);
    if (this.#byName.get(name) === session) this.#byName.delete(name);
  }

  *infos(): IterableIterator<ClientInfo> {
    for (const session of this.#byName.values()) yield session.info;
  }
}

/** U+0000 stands in no client id [MQTT-1.5.4-2]. */
function nameOf(ns: string, client: string): string {
  return `${ns}\0${client}`;
}
