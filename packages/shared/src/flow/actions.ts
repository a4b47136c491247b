import type {
  CallRequest,
  CommandEffect,
  LogEffect,
  PublishEffect,
  SendEffect,
} from "../contract/effect.ts";
import type { Json, JsonObject } from "../contract/json.ts";
import { compileCall, compileDuration } from "./call-request.ts";
import { ExpressionError, machineVariables, type Scope } from "./expression.ts";
import { didYouMean } from "./fault.ts";
import type { ActionConfig, CallConfig } from "./machine-config.ts";
import { compileText, compileValue, type Template } from "./template.ts";
import { topicFault } from "./topic.ts";

/** One of a flow's commands, compiled. */
export interface FlowCommand {
  readonly name: string;
  readonly topic: Template<string>;
  readonly thing: Template<string>;
  readonly qos: 0 | 1;
  readonly expiresMs: ((scope: Scope) => number) | undefined;
  readonly format: CommandEffect["format"];
  readonly supersede: boolean;
  /** Whether some state of the flow handles an outcome of it. */
  readonly owed: boolean;
}

type Draft<E> = Omit<E, "index" | "verdict" | "deadline">;

/** An effect as the machine asks for it: everything of it but its place, its verdict and its deadline. */
export type EffectDraft =
  | (Draft<CommandEffect> & { readonly expiresMs?: number })
  | ({ readonly kind: "call"; readonly name: string; readonly invoke?: string } & CallRequest)
  | Draft<PublishEffect>
  | Draft<SendEffect>
  | Draft<LogEffect>;

/** An effect that no executor could carry out, known only once its expressions are worked out. */
export class EffectError extends Error {
  override readonly name = "EffectError";
}

/** Kafka's own limits: keys of ours are far shorter, and stay whole in an id. */
const KEY_BYTES_MAX = 256;
const LOG_TOPIC = /^[A-Za-z0-9._-]{1,249}$/;
const OWN_TOPICS = "millrace.";

/** Compiles an action that asks the world to do something. @throws ExpressionError */
export function compileEffect(
  action: ActionConfig,
  commands: ReadonlyMap<string, FlowCommand>,
): (scope: Scope) => EffectDraft {
  if ("command" in action) return compileCommand(action, commands);
  if ("call" in action) return compileCallAction(action);
  if ("publish" in action) return compilePublish(action["publish"] as JsonObject);
  if ("send" in action) return compileSend(action["send"] as JsonObject);
  const message = compileText(String(action["log"]), machineVariables);
  const level = (action["level"] ?? "info") as LogEffect["level"];
  return (scope) => ({ kind: "log", level, message: message(scope) });
}

function compileCommand(
  action: ActionConfig,
  commands: ReadonlyMap<string, FlowCommand>,
): (scope: Scope) => EffectDraft {
  const name = String(action["command"]);
  const command = commands.get(name);
  if (command === undefined) {
    const hint = didYouMean(name, commands.keys()) || "; name it under `commands`";
    throw new ExpressionError(`the flow has no command \`${name}\`${hint}`, "unknown-command");
  }
  const payload = compileValue((action["payload"] ?? null) as Json, machineVariables);
  const thing =
    action["thing"] === undefined
      ? command.thing
      : compileText(String(action["thing"]), machineVariables);
  const expires = action["expires"] as string | number | undefined;
  const expiresMs =
    expires === undefined ? command.expiresMs : compileDuration(expires, machineVariables);
  const { format, qos, supersede, owed } = command;
  return (scope) => {
    const topic = command.topic(scope);
    const fault = topicFault(topic);
    if (fault !== undefined)
      throw new EffectError(`command \`${name}\` to topic \`${topic}\`: ${fault}`);
    return {
      kind: "command",
      name,
      thing: thing(scope),
      topic,
      payload: payload(scope),
      format,
      qos,
      supersede,
      owed,
      ...(expiresMs && { expiresMs: expiresMs(scope) }),
    };
  };
}

function compileCallAction(action: ActionConfig): (scope: Scope) => EffectDraft {
  const request = compileCall(action["call"] as unknown as CallConfig, machineVariables);
  const name = String(action["name"] ?? "call");
  return (scope) => ({ kind: "call", name, ...request(scope) });
}

function compilePublish(publish: JsonObject): (scope: Scope) => EffectDraft {
  const topic = compileText(String(publish["topic"]), machineVariables);
  const key = compileText(String(publish["key"] ?? "${thing.name}"), machineVariables);
  const type = compileText(String(publish["type"] ?? "millrace.published"), machineVariables);
  const payload = compileValue(publish["payload"] ?? null, machineVariables);
  if (topic.constant !== undefined) checkLogTopic(topic.constant, ExpressionError);
  return (scope) => {
    const to = topic(scope);
    checkLogTopic(to, EffectError);
    return {
      kind: "publish",
      topic: to,
      key: key(scope),
      type: type(scope),
      payload: payload(scope),
    };
  };
}

function checkLogTopic(topic: string, Fault: new (message: string) => Error): void {
  if (!LOG_TOPIC.test(topic)) {
    throw new Fault(`\`${topic}\` cannot name a topic of the log: letters, digits, . _ - only`);
  }
  if (topic.startsWith(OWN_TOPICS))
    throw new Fault(`topics named \`${OWN_TOPICS}…\` are Millrace's own`);
}

function compileSend(send: JsonObject): (scope: Scope) => EffectDraft {
  const [flow, key, type] = ["flow", "key", "type"].map((name) =>
    compileText(String(send[name]), machineVariables),
  ) as [Template<string>, Template<string>, Template<string>];
  const payload = compileValue(send["payload"] ?? {}, machineVariables);
  return (scope) => {
    const to = key(scope);
    const fault = keyFault(to);
    if (fault !== undefined) throw new EffectError(`send to \`${to}\`: ${fault}`);
    return {
      kind: "send",
      flow: flow(scope),
      key: to,
      type: type(scope),
      payload: payload(scope) as JsonObject,
    };
  };
}

/** @returns what keeps text from being an instance's key, or undefined */
export function keyFault(key: string): string | undefined {
  if (key === "") return "a key is not empty";
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) return `a key has at most ${KEY_BYTES_MAX} bytes`;
  return undefined;
}
