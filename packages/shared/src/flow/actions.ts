import type {
  CallRequest,
  CommandEffect,
  LogEffect,
  PublishEffect,
  SendEffect,
} from "../contract/effect.ts";
import { nameFault } from "../contract/names.ts";
import { isJsonObject, type Json, type JsonObject } from "../contract/json.ts";
import { compileCall, compileDuration } from "./call-request.ts";
import { compileEffectName, EffectError } from "./effect-name.ts";
import { compileEventType } from "./event-type.ts";
import type { Scope, Visible } from "./expression.ts";
import { ExpressionError, within } from "./expression-error.ts";
import { didYouMean, type FaultCode } from "./fault.ts";
import type { ActionConfig, CallConfig } from "./machine-config.ts";
import { compileText, compileValue, type Template } from "./template.ts";
import { topicFault } from "./topic.ts";

/** One of a flow's commands, compiled. */
export interface FlowCommand {
  readonly name: string;
  readonly topic: Template<string>;
  readonly thing: Template<string>;
  /** The role of the thing that it goes to, in a flow with roles. */
  readonly to: string | undefined;
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

/** Kafka's own limits: keys of ours are far shorter, and stay whole in an id. */
const LOG_TOPIC = /^[A-Za-z0-9._-]{1,249}$/;
const OWN_TOPICS = "millrace.";

/** What an action may name, and what its expressions may look at. */
export interface EffectContext {
  readonly commands: ReadonlyMap<string, FlowCommand>;
  readonly visible: Visible;
}

/** Compiles an action that asks the world to do something. @throws ExpressionError */
export function compileEffect(
  action: ActionConfig,
  { commands, visible }: EffectContext,
): (scope: Scope) => EffectDraft {
  if ("command" in action) return compileCommand(action, commands, visible);
  if ("call" in action) return compileCallAction(action, visible);
  if ("publish" in action)
    return within(["publish"], () => compilePublish(action["publish"] as JsonObject, visible));
  if ("send" in action)
    return within(["send"], () => compileSend(action["send"] as JsonObject, visible));
  const message = within(["log"], () => compileText(String(action["log"]), visible));
  const level = (action["level"] ?? "info") as LogEffect["level"];
  return (scope) => ({ kind: "log", level, message: message(scope) });
}

function compileCommand(
  action: ActionConfig,
  commands: ReadonlyMap<string, FlowCommand>,
  visible: Visible,
): (scope: Scope) => EffectDraft {
  const name = String(action["command"]);
  const command = commands.get(name);
  if (command === undefined) {
    const hint = didYouMean(name, commands.keys()) || "; name it under `commands`";
    const message = `the flow has no command \`${name}\`${hint}`;
    throw new ExpressionError(message, "unknown-command", ["command"]);
  }
  const payload = compileMember(action, "payload", null, visible);
  const { to } = command;
  if (to !== undefined && action["thing"] !== undefined) {
    const message = `the command goes to the thing of its role \`${to}\``;
    throw new ExpressionError(message, "wrong-value", ["thing"]);
  }
  const thing =
    action["thing"] === undefined
      ? command.thing
      : compileNameIn(action, "thing", "a command's `thing`", visible);
  const expires = action["expires"] as string | number | undefined;
  const expiresMs =
    expires === undefined
      ? command.expiresMs
      : within(["expires"], () => compileDuration(expires, visible));
  const { format, qos, supersede, owed } = command;
  return (scope) => {
    if (to !== undefined) scope.thing = thingOf(scope, to, name);
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

/** In a flow with roles, nothing but its commands looks at `thing`. @throws EffectError */
function thingOf({ roles }: Scope, role: string, command: string): JsonObject {
  const thing = roles?.[role];
  if (isJsonObject(thing)) return thing;
  throw new EffectError(`command \`${command}\` goes to \`${role}\`: no thing has this role`);
}

function compileCallAction(action: ActionConfig, visible: Visible): (scope: Scope) => EffectDraft {
  const request = within(["call"], () =>
    compileCall(action["call"] as unknown as CallConfig, visible),
  );
  const name = String(action["name"] ?? "call");
  return (scope) => ({ kind: "call", name, ...request(scope) });
}

function compilePublish(publish: JsonObject, visible: Visible): (scope: Scope) => EffectDraft {
  const topic = compileNameIn(publish, "topic", "a topic of the log", visible);
  const key = compilePublishKey(publish, visible);
  const kind = "the `type` of a `publish`";
  const type = compileNameIn(publish, "type", kind, visible, "millrace.published");
  const payload = compileMember(publish, "payload", null, visible);
  const fault = topic.constant === undefined ? undefined : logTopicFault(topic.constant);
  if (fault !== undefined) throw new ExpressionError(fault.why, fault.code, ["topic"]);
  return (scope) => {
    const to = topic(scope);
    const fault = logTopicFault(to);
    if (fault !== undefined) throw new EffectError(fault.why);
    return {
      kind: "publish",
      topic: to,
      key: key(scope),
      type: type(scope),
      payload: payload(scope),
    };
  };
}

/** The thing's name unless it is said; of several things, the name of what binds them. */
function compilePublishKey(publish: JsonObject, visible: Visible): (scope: Scope) => string {
  if (publish["key"] === undefined && visible.roles !== undefined) return ({ key = "" }) => key;
  return compileNameIn(publish, "key", "the `key` of a `publish`", visible, "${thing.name}");
}

function logTopicFault(topic: string): { code: FaultCode; why: string } | undefined {
  if (!LOG_TOPIC.test(topic)) {
    const why = `\`${topic}\` cannot name a topic of the log: letters, digits, . _ - only`;
    return { code: "topic", why };
  }
  if (!topic.startsWith(OWN_TOPICS)) return undefined;
  return {
    code: "reserved",
    why: `\`${topic}\`: topics named \`${OWN_TOPICS}…\` are Millrace's own`,
  };
}

function compileSend(send: JsonObject, visible: Visible): (scope: Scope) => EffectDraft {
  const flow = compileNameIn(send, "flow", "the `flow` of a `send`", visible);
  const key = compileNameIn(send, "key", "the `key` of a `send`", visible);
  const type = within(["type"], () => compileEventType(String(send["type"]), visible));
  const payload = compileMember(send, "payload", {}, visible);
  return (scope) => {
    const to = key(scope);
    const fault = nameFault(to);
    if (fault !== undefined) throw new EffectError(`the \`key\` of a \`send\` ${fault}`);
    return {
      kind: "send",
      flow: flow(scope),
      key: to,
      type: type(scope),
      payload: payload(scope) as JsonObject,
    };
  };
}

function compileMember(
  of: JsonObject,
  member: string,
  otherwise: Json,
  visible: Visible,
): Template {
  return within([member], () => compileValue(of[member] ?? otherwise, visible));
}

function compileNameIn(
  of: JsonObject,
  member: string,
  what: string,
  visible: Visible,
  otherwise = "",
): Template<string> {
  return within([member], () => compileEffectName(String(of[member] ?? otherwise), what, visible));
}
