import type { Json, JsonObject } from "./json.ts";
import type { EpochMs } from "./time.ts";

/** A policy's answer to one effect, as it stood when the step was decided. */
export interface Verdict {
  readonly allow: boolean;
  /** Which rule decided: a statement, or the mode in force while there are no policies. */
  readonly by: string;
}

interface EffectBase {
  /** Its place in the step; the last part of the effect's id. */
  readonly index: number;
  readonly verdict: Verdict;
}

/** An MQTT message to a thing. */
export interface CommandEffect extends EffectBase {
  readonly kind: "command";
  readonly name: string;
  readonly thing: string;
  readonly topic: string;
  readonly payload: Json;
  readonly format: "json" | "text" | "bytes";
  readonly qos: 0 | 1;
  /** Not delivered by then, it is `expired`. */
  readonly deadline?: EpochMs;
  /** Whether a newer command of this name replaces one that is not yet delivered. */
  readonly supersede: boolean;
  /** Whether the flow handles an outcome, so that the dispatcher must write it down. */
  readonly owed: boolean;
}

/** What an HTTP call sends; made by `decide`, but for its secrets. */
export interface CallRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Json;
  readonly timeoutMs: number;
  readonly retries: number;
  /**
   * Texts that hold a secret, by their place in this request. They are kept apart, not marked inside
   * the texts: a payload that looks like a mark must not be able to ask for one.
   */
  readonly secrets?: readonly SecretText[];
}

export interface SecretText {
  readonly path: readonly (string | number)[];
  readonly parts: readonly (string | { readonly secret: string })[];
}

/** An HTTP request. */
export interface CallEffect extends EffectBase, CallRequest {
  readonly kind: "call";
  readonly name: string;
  /** XState's id of the invocation that waits for it. */
  readonly invoke?: string;
  readonly owed: true;
}

/** A CloudEvent to a topic of the log, for others to read. */
export interface PublishEffect extends EffectBase {
  readonly kind: "publish";
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly payload: Json;
}

/** A signal to another instance. */
export interface SendEffect extends EffectBase {
  readonly kind: "send";
  readonly flow: string;
  readonly key: string;
  readonly type: string;
  readonly payload: JsonObject;
}

/** A line for operators. */
export interface LogEffect extends EffectBase {
  readonly kind: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
}

/** What a step asks the world to do. */
export type Effect = CommandEffect | CallEffect | PublishEffect | SendEffect | LogEffect;

/** How a command or call ended; the event of a flow that handles it is `<outcome>.<name>`. */
export type Outcome = "delivered" | "refused" | "expired" | "superseded" | "done" | "error";
