import { setTimeout as sleep } from "node:timers/promises";
import type { ErrorCode } from "@millrace/shared/errors/catalogue";
import { messageOf } from "@millrace/shared/errors/operational";
import { eventsOf } from "./event-stream.ts";

/** A command that did not do what it was asked to; the program ends with its code. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly exitCode: number;
  /** What the server's answer had beside its words. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(message: string, exitCode: number, facts: CommandFailed["facts"] = {}) {
    super(message);
    this.exitCode = exitCode;
    this.facts = facts;
  }
}

/** 0 ok, 1 failed, 2 usage, 3 unreachable, 4 hung, and ended by itself. */
export const exitCodes = { failed: 1, usage: 2, unreachable: 3, hung: 4 } as const;

const unreachables: readonly string[] = ["LOG-001", "STATE-003"] satisfies ErrorCode[];

/** What a program ends with on an operational error, whether it met it itself or a server told of it. */
export function exitCodeOf(code: string): number {
  if (code.startsWith("CONFIG-")) return exitCodes.usage;
  return unreachables.includes(code) ? exitCodes.unreachable : exitCodes.failed;
}

export const DEFAULT_URL = "http://127.0.0.1:8080";

/** Pause before a stream that broke is asked for anew. */
const RETRY_MS = 1_000;

type Method = "GET" | "POST";

/** What a refusal says, of what is looked at here. */
interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly facts: CommandFailed["facts"];
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export interface ClientOptions {
  readonly url: string;
  readonly token: string | undefined;
  /** How long an answer may take; as long as it takes without it. */
  readonly answerMsMax?: number | undefined;
}

/** The HTTP API, as the command line talks to it. */
export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.#ask("GET", withQuery(path, query));
  }

  /**
   * The data of server-sent events, for as long as they are wanted. Where the connection ends, it goes on
   * behind the last one.
   */
  async *events(path: string, query: Query = {}): AsyncGenerator {
    let last: string | undefined;
    for (;;) {
      const response = await this.#open("GET", withQuery(path, query), undefined, last);
      if (!response.ok || response.body === null) throw await this.#failure("GET", path, response);
      if (!/^text\/event-stream\b/.test(response.headers.get("content-type") ?? ""))
        throw this.#isOther("GET", path, "no stream of events");
      try {
        for await (const { id, data } of eventsOf(response.body)) {
          last = id ?? last;
          yield data;
        }
      } catch {
        // The connection broke; whether there is a server, the next one says.
      }
      await sleep(RETRY_MS);
    }
  }

  post<T>(path: string, body: unknown, query: Query = {}): Promise<T> {
    return this.#ask<T>("POST", withQuery(path, query), body);
  }

  async #ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const response = await this.#open(method, path, body);
    if (!response.ok) throw await this.#failure(method, path, response);
    const answer = parsed(await this.#textOf(method, path, response));
    if (answer === undefined) throw this.#isOther(method, path, "no JSON");
    return answer as T;
  }

  async #failure(method: Method, path: string, response: Response): Promise<CommandFailed> {
    const answer = parsed(await this.#textOf(method, path, response)) ?? {};
    const { code = "", detail, facts } = answer as Partial<Problem>;
    const what =
      detail === undefined
        ? `${method} ${path} was answered ${response.status}`
        : `${code} ${detail}`;
    return new CommandFailed(what, exitCodeOf(code), facts);
  }

  async #textOf(method: Method, path: string, response: Response): Promise<string> {
    return await response.text().catch((error: unknown) => {
      const what = `the answer from ${this.#options.url} to ${method} ${path} was cut off`;
      const next =
        method === "GET" ? "ask again" : "look whether it was done, before you ask again";
      throw new CommandFailed(`${what}: ${reasonOf(error)}; ${next}`, exitCodes.unreachable);
    });
  }

  #isOther(method: Method, path: string, what: string): CommandFailed {
    return new CommandFailed(
      `${this.#options.url} answered ${method} ${path} with something that is ${what}; is that Millrace? Set MILLRACE_URL to where it is`,
      exitCodes.failed,
    );
  }

  #open(method: Method, path: string, body?: unknown, lastEventId?: string): Promise<Response> {
    const { url, token, answerMsMax } = this.#options;
    return fetch(new URL(path, url), {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(answerMsMax !== undefined && { signal: AbortSignal.timeout(answerMsMax) }),
    }).catch((error: unknown) => {
      throw unreachable(url, error);
    });
  }
}

function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size > 0 ? `${path}?${search.toString()}` : path;
}

/** @returns undefined for what is neither an object nor a list, as all that Millrace answers is */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause instanceof Error ? error.cause : error);
}

function unreachable(url: string, error: unknown): CommandFailed {
  return new CommandFailed(
    `no answer from ${url}: ${reasonOf(error)}; is Millrace running there? Set MILLRACE_URL to where it is`,
    exitCodes.unreachable,
  );
}
