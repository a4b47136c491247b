import { connect, isIP, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import type { Admin, Consumer, ISocketFactory, ISocketFactoryArgs, Producer } from "kafkajs";
import { type Clock, within } from "../../ports/clock.ts";

const KEEP_ALIVE_MS = 60_000;
/** Longer than any answer may take, a rebalance included; what was asked then fails. */
const SILENT_MS_MAX = 20_000;

/**
 * The connections of kafkajs to brokers: it hears of each end as of an error, and of one that is silent.
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
    // Told that it ended, kafkajs may go on to wait for its answers, without end and with all of the
    // client; told of an error, it gives up what was asked, and asks another broker.
    socket.once("end", () => {
      if (!socket.writableEnded) socket.emit("error", new Error("closed by the other side"));
    });
    socket.setTimeout(SILENT_MS_MAX);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  };

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

const LEAVE_MS_MAX = 2_000;

/**
 * Lets a consumer leave its group, for as long as that may take.
 * @throws when the group could not be told: it notices by itself when the session is over
 */
export async function leave(clock: Clock, consumer: Consumer): Promise<void> {
  await within(clock, LEAVE_MS_MAX, consumer.stop());
  letGo(consumer);
}

/**
 * Lets a client of kafkajs close its connections, and does not wait: it waits without end for the answers
 * of a broker that is gone. What is left ends with the log.
 */
export function letGo(client: Admin | Consumer | Producer): void {
  client.disconnect().catch(() => {});
}

/** kafkajs' types say that there are always options of TLS; there are none without it. */
function open({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
  if (!(ssl as unknown)) return connect({ host, port }, onConnect);
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectSecurely({ host, port, ...name, ...ssl }, onConnect);
}
