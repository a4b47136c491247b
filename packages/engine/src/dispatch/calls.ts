import type { CallError, CallErrorReason } from "@millrace/shared/contract/call-result";
import type { CallEffect, CallRequest } from "@millrace/shared/contract/effect";
import type { Instance } from "@millrace/shared/contract/instance";
import { traceFacts } from "@millrace/shared/contract/trace";
import type { Json } from "@millrace/shared/contract/json";
import type { EffectId } from "@millrace/shared/contract/names";
import { outstanding } from "@millrace/shared/core/outstanding";
import {
  type HttpClient,
  HttpFailure,
  type HttpRequest,
  type HttpResponse,
} from "@millrace/shared/ports/http-client";
import type { Secrets } from "@millrace/shared/ports/secrets";
import type { LogLine } from "../runtime/engine-host.ts";
import type { CallHosts } from "./call-hosts.ts";
import {
  answerOf,
  BadRequest,
  requestOf,
  retryAfterMs,
  tellableHost,
  urlOf,
  withSecrets,
} from "./call-http.ts";
import { beginEffect, beginRequest, endRequest, tracedRequest } from "./effect-spans.ts";
import { CallLines, type LineRefusal, type Turn } from "./call-line.ts";
import type { Ticket } from "./progress.ts";
import {
  type EffectOrigin,
  type PendingEffect,
  UnderWay,
  type UnderWayParts,
} from "./under-way.ts";

/** What calls go out with. */
export interface CallParts {
  readonly http: HttpClient;
  readonly hosts: CallHosts;
  /** undefined where the process was given none. */
  readonly secrets: Secrets | undefined;
}

interface PendingCall extends PendingEffect<CallEffect> {
  /** Requests that went out. */
  attempts: number;
  /** How often it was tried, whether a request went out or not. */
  tries: number;
}

/** What one try came to, where it was not answered well. */
interface Failure {
  readonly reason: CallErrorReason;
  readonly message: string;
  readonly status?: number;
  readonly body?: Json;
  /** How long the host wants to be left alone. */
  readonly afterMs?: number;
}

/**
 * Makes the HTTP calls of flows.
 *
 * Owns the calls under way in this process. Invariants, beside those of what is under way:
 *   H1 every request of a call carries the effect's id as its Idempotency-Key, whichever dispatcher
 *      makes it, so that a receiver can tell a repeat;
 *   H2 a request goes out only to a host that is listed, and to an address that is public or listed: the
 *      address is looked at where the connection is made;
 *   H3 the value of a secret is in the request alone: in no record, no line of the log, no span and no result;
 *   H4 what one host does costs another one nothing: each has a line and a circuit of its own.
 */
export class Calls {
  readonly #parts: UnderWayParts & CallParts & { readonly onLine: LogLine };
  readonly #pending: UnderWay<PendingCall>;
  readonly #lines: CallLines;

  constructor(parts: UnderWayParts & CallParts & { readonly onLine: LogLine }) {
    this.#parts = parts;
    this.#pending = new UnderWay(parts, parts.durations.call);
    this.#lines = new CallLines(parts.clock, parts.options);
  }

  get underWay(): number {
    return this.#pending.size;
  }

  /** Of these, those that are put aside. */
  get parked(): number {
    return this.#pending.parked;
  }

  /** How many hosts are left alone for a while. */
  get circuitsOpen(): number {
    return this.#lines.open;
  }

  has(id: EffectId): boolean {
    return this.#pending.has(id);
  }

  /** Begins to make a call of a step that was just read. */
  begin(of: EffectOrigin, effect: CallEffect, ticket: Ticket): void {
    ticket.add();
    const call = this.#add({ ...of, effect, ticket, parking: "no" });
    this.#pending.parkLater(call);
    void this.#try(call);
  }

  /** Goes on with what an earlier dispatcher had put aside of an instance, from the first attempt on. */
  resume(instance: Instance, from: Pick<EffectOrigin, "partition" | "offset" | "logNow">): void {
    const { ns, flow, key } = instance;
    for (const { id, owed } of outstanding(instance)) {
      if (owed.parked === undefined || owed.kind !== "call" || this.#pending.has(id)) continue;
      // It ended here before the request to put it aside was taken: its result is on its way.
      if (this.#pending.endedAs(id) !== undefined) continue;
      const effect = owed.parked as unknown as CallEffect;
      const to = { ns, flow, key };
      const { trace, span } = beginEffect(this.#parts.tracer, effect, owed.trace, { id, to });
      const of = { ...from, id, to, effect, trace, span };
      void this.#try(this.#add({ ...of, ticket: undefined, parking: "parked" }));
    }
  }

  #add(of: EffectOrigin & Pick<PendingCall, "effect" | "ticket" | "parking">): PendingCall {
    return this.#pending.add({
      ...of,
      waits: false,
      settled: false,
      beganMs: this.#parts.clock.monotonicMs(),
      attempts: 0,
      tries: 0,
      cancels: [],
    });
  }

  /** Whether records with this key may be about a call under way, and are worth opening. */
  watches(key: string): boolean {
    return this.#pending.watches(key);
  }

  recordRead(instance: Instance, offset: number, parkedEffect: string | undefined): void {
    this.#pending.recordRead(instance, offset, parkedEffect);
  }

  // ---- one call

  async #try(call: PendingCall): Promise<void> {
    call.tries += 1;
    const prepared = await this.#prepare(call);
    if (call.settled) return;
    if ("reason" in prepared) return await this.#fail(call, prepared);
    const begin = (turn: Turn | LineRefusal): void => {
      const host = tellableHost(call.effect, prepared.url);
      if (typeof turn === "string") void this.#failOrRetry(call, refusalOf(turn, host));
      else void this.#send(call, prepared, host, turn);
    };
    call.cancels.push(this.#lines.of(prepared.url).enter(begin));
  }

  async #prepare(
    call: PendingCall,
  ): Promise<Pick<HttpRequest, "method" | "url" | "headers" | "body"> | Failure> {
    const { id, effect, trace } = call;
    try {
      const request: CallRequest = await withSecrets(effect, this.#parts.secrets);
      const url = urlOf(request);
      return this.#hostRefusal(effect, url) ?? requestOf(request, { url, id, trace });
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      return { reason: error.reason, message: error.message };
    }
  }

  #hostRefusal(effect: CallEffect, url: URL): Failure | undefined {
    const { hosts } = this.#parts;
    if (hosts.areNone) {
      const message = "no call goes out: MILLRACE_CALL_HOSTS names no host";
      return { reason: "not-allowed", message };
    }
    if (hosts.allowsUrl(url)) return undefined;
    const message = `MILLRACE_CALL_HOSTS does not have ${tellableHost(effect, url)}`;
    return { reason: "not-allowed", message };
  }

  async #send(
    call: PendingCall,
    request: Pick<HttpRequest, "method" | "url" | "headers" | "body">,
    host: string,
    turn: Turn,
  ): Promise<void> {
    const { clock, http, options } = this.#parts;
    const timeoutMs = Math.min(call.effect.timeoutMs, options.callTimeoutMsMax);
    const abort = new AbortController();
    let timedOut = false;
    const cancelTimeout = clock.after(timeoutMs, () => {
      timedOut = true;
      abort.abort();
    });
    call.cancels.push(cancelTimeout, () => abort.abort());
    call.attempts += 1;
    const span = beginRequest(this.#parts.tracer, call.trace, request, host, call.attempts);
    const bodyBytesMax = options.callBodyBytesMax;
    const response = await http
      .send({ ...tracedRequest(request, call.trace, span), bodyBytesMax, signal: abort.signal })
      .catch((error: unknown) => failureOf(error, timedOut, host, timeoutMs));
    cancelTimeout();
    endRequest(span, response);
    if (call.settled) {
      turn.end("unknown");
      return;
    }
    const outcome = "reason" in response ? response : this.#judge(response, host);
    if (turn.end(tellsOfHost(outcome))) this.#tellOpened(host);
    if (outcome === undefined) await this.#done(call, response as HttpResponse);
    else await this.#failOrRetry(call, outcome);
  }

  /** @returns undefined for an answer that is good */
  #judge(response: HttpResponse, host: string): Failure | undefined {
    const { status, headers, body } = response;
    const isGood = status >= 200 && status < 300;
    if (isGood && body !== undefined) return undefined;
    if (isGood) {
      const message = `the answer of ${host} is larger than ${this.#parts.options.callBodyBytesMax} bytes`;
      return { reason: "too-large", status, message };
    }
    const redirected = status < 400 ? "; redirects are not followed" : "";
    return {
      reason: "status",
      status,
      message: `${host} answered ${status}${redirected}`,
      ...(body !== undefined && { body: answerOf(response).body }),
      afterMs: retryAfterMs(headers["retry-after"], this.#parts.clock.wallMs()),
    };
  }

  async #failOrRetry(call: PendingCall, failure: Failure): Promise<void> {
    if (call.tries > call.effect.retries || !isWorthARetry(failure)) {
      return await this.#fail(call, failure);
    }
    this.#parts.counters.callsRetried += 1;
    this.#pending.later(call, this.#pauseMs(call, failure), () => void this.#try(call));
  }

  /** Full jitter: whoever failed at one moment must not come again at one moment. */
  #pauseMs({ tries }: PendingCall, { afterMs = 0 }: Failure): number {
    const { clock, options } = this.#parts;
    const most = Math.min(options.callBackoffMs * 2 ** (tries - 1), options.callBackoffMsMax);
    return Math.max(
      Math.round(clock.random() * most),
      Math.min(afterMs, options.callRetryAfterMsMax),
    );
  }

  async #done(call: PendingCall, response: HttpResponse): Promise<void> {
    this.#parts.counters.callsDone += 1;
    await this.#pending.settle(call, "done", { output: answerOf(response) });
  }

  async #fail(call: PendingCall, { afterMs: _afterMs, ...failure }: Failure): Promise<void> {
    const { id, effect, attempts } = call;
    const { reason, message } = failure;
    const { counters } = this.#parts;
    counters.callsFailed += 1;
    counters.callErrors[reason] = (counters.callErrors[reason] ?? 0) + 1;
    const error: CallError = { ...failure, attempts };
    const facts = {
      ...{ effect: id, call: effect.name, reason, attempts, why: message },
      ...traceFacts(call.trace),
    };
    this.#parts.onLine("warn", "a call failed", facts);
    await this.#pending.settle(call, "error", { error });
  }

  #tellOpened(host: string): void {
    const { circuitOpenMs } = this.#parts.options;
    this.#parts.onLine("warn", "a host fails, and is not called for a while", {
      host,
      forMs: circuitOpenMs,
    });
  }

  // ---- ends

  /** Forgets what belongs to a partition that is another's now. */
  forget(partition: number): void {
    this.#pending.forget(partition);
  }

  /** Ends requests that are under way: they are owed, and whoever is next makes them again. */
  stop(): void {
    this.#pending.stop();
    this.#lines.stop();
  }
}

const retriedStatuses: ReadonlySet<number> = new Set([408, 425, 429]);
const retriedReasons: ReadonlySet<CallErrorReason> = new Set([
  "timeout",
  "dns",
  "refused",
  "connection",
  "circuit-open",
  "queue-full",
] as const);

function isWorthARetry({ reason, status }: Failure): boolean {
  if (reason !== "status" || status === undefined) return retriedReasons.has(reason);
  return status >= 500 || retriedStatuses.has(status);
}

/** What a try says about its host; one that was not reached for its own reasons says nothing. */
function tellsOfHost(failure: Failure | undefined): "answered" | "failed" | "unknown" {
  if (failure === undefined) return "answered";
  const { reason, status } = failure;
  if (reason === "not-allowed") return "unknown";
  if (reason === "too-large" || (reason === "status" && status !== undefined && status < 500))
    return "answered";
  return "failed";
}

function refusalOf(reason: LineRefusal, host: string): Failure {
  const message =
    reason === "circuit-open"
      ? `${host} has failed again and again, and is not called for a while`
      : `too many calls wait for ${host}`;
  return { reason, message };
}

/** In words of our own: what others say of a request may repeat its secrets. */
function failureOf(error: unknown, timedOut: boolean, host: string, timeoutMs: number): Failure {
  if (timedOut) {
    return { reason: "timeout", message: `${host} did not answer within ${timeoutMs} ms` };
  }
  const { reason, detail } = error instanceof HttpFailure ? error : new HttpFailure("connection");
  const code = detail === undefined ? "" : ` (${detail})`;
  switch (reason) {
    case "timeout":
      return { reason, message: `${host} cannot be reached in time${code}` };
    case "dns":
      return { reason, message: `${host} has no address${code}` };
    case "refused":
      return { reason, message: `${host} refuses connections` };
    case "connection":
      return { reason, message: `the connection to ${host} broke${code}` };
    case "tls":
      return { reason, message: `${host} cannot be trusted${code}` };
    case "too-large":
      return { reason, message: `the headers of ${host} are too large` };
    case "not-allowed":
      return {
        reason,
        message: `${host} has no address that calls may go to: ${detail} is not public, and not in MILLRACE_CALL_HOSTS`,
      };
  }
}
