import { connect, isIP, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import type { Admin, Consumer, ISocketFactory, ISocketFactoryArgs, Producer } from "kafkajs";
import { type Clock, within } from "../../ports/clock.ts";

const KEEP_ALIVE_MS = 60_000;

/**
 * The connections of kafkajs to brokers.
 *
 * After an outage it forgets some that it opened, and they would keep the process from ending for as
 * long as the broker lives: so all that are left end with the log.
 */
export class Sockets {
  readonly #open = new Set<Socket>();

  /** Opens one, as kafkajs does where it is not told how. */
  readonly factory: ISocketFactory = (args) => {
    const socket = open(args);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // It ends a socket that is dead already again and again, which adds a listener each time.
    socket.setMaxListeners(0);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  };

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

/** A process closes up to four of them one after the other, and has 8 s in all. */
const DISCONNECT_MS_MAX = 1_500;

/**
 * Lets a client of kafkajs go; a consumer leaves its group. A client waits without end for the answers of
 * a broker that is gone, so it is not waited for: its sockets end with the log.
 */
export function disconnected(clock: Clock, client: Admin | Consumer | Producer): Promise<void> {
  return within(clock, DISCONNECT_MS_MAX, client.disconnect());
}

/** kafkajs' types say that there are always options of TLS; there are none without it. */
function open({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
  if (!(ssl as unknown)) return connect({ host, port }, onConnect);
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectSecurely({ host, port, ...name, ...ssl }, onConnect);
}
