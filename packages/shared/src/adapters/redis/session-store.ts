import { encodePart } from "../../contract/names.ts";
import type { GatewayInfo, SessionHolder, SessionStore } from "../../ports/session-store.ts";
import type { ScriptedRedis } from "./scripts.ts";

/** A session that nobody let go of or took again, for its gateway was killed, is forgotten after a week. */
const SESSION_SECONDS = 7 * 24 * 60 * 60;

/** The directory of gateways and sessions on Redis. */
export class RedisSessionStore implements SessionStore {
  readonly #redis: ScriptedRedis;
  readonly #prefix: string;
  /** By gateway: as the server wrote it down. */
  readonly #lastWords = new Map<string, string>();

  constructor(redis: ScriptedRedis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  get #gateways(): string {
    return `${this.#prefix}:gateways`;
  }

  #session(ns: string, client: string): string {
    return `${this.#prefix}:session:${encodePart(ns)}/${encodePart(client)}`;
  }

  async announce({ name, url }: GatewayInfo, ttlMs: number): Promise<boolean> {
    const last = this.#lastWords.get(name) ?? "";
    const args = [name, url, Math.max(1, ttlMs), last];
    const [, word, kept] = await this.#redis["millrace:announce"](this.#gateways, ...args);
    this.#lastWords.set(name, word ?? "");
    return kept === "kept";
  }

  async withdraw(gateway: string): Promise<void> {
    this.#lastWords.delete(gateway);
    await this.#redis["millrace:announce"](this.#gateways, gateway, "", 0, "");
  }

  async gateways(): Promise<readonly GatewayInfo[]> {
    const [, ...rest] = (await this.#redis["millrace:gateways"](this.#gateways)) as string[];
    const found: GatewayInfo[] = [];
    for (let i = 0; i < rest.length; i += 2) {
      found.push({ name: rest[i] as string, url: rest[i + 1] as string });
    }
    return found;
  }

  async attach(
    ns: string,
    client: string,
    holder: SessionHolder,
  ): Promise<SessionHolder | undefined> {
    const key = this.#session(ns, client);
    const [, before] = await this.#redis["millrace:attach"](key, write(holder), SESSION_SECONDS);
    return before === undefined || before === null || before === "" ? undefined : read(before);
  }

  async reattach(
    ns: string,
    client: string,
    holder: SessionHolder,
  ): Promise<SessionHolder | undefined> {
    const key = this.#session(ns, client);
    const asked = write(holder);
    const [, now] = await this.#redis["millrace:reattach"](key, asked, SESSION_SECONDS);
    return now === asked ? undefined : read(now ?? "");
  }

  async detach(ns: string, client: string, holder: SessionHolder): Promise<void> {
    await this.#redis["millrace:detach"](this.#session(ns, client), write(holder));
  }

  async close(): Promise<void> {}
}

function write({ gateway, connection }: SessionHolder): string {
  return `${gateway}\n${connection}`;
}

function read(text: string): SessionHolder {
  const [gateway = "", connection = ""] = text.split("\n");
  return { gateway, connection };
}
