import * as z from "zod";
import { DURATION_MS_MAX, parseDurationMs } from "../contract/time.ts";

/**
 * A flow file as written. Its machine is an XState v5 machine config, of which everything that is data
 * is in; what takes code (spawned actors, callbacks, child machines) is refused by the loader with a
 * reason of its own.
 *
 * The JSON Schema for editors is made from this (`millrace flow schema`).
 */

const json = z.json().meta({ id: "Json" });
const text = z.string();
/** A member of what expressions look at; cel-js takes this one for the class of the object. */
const member = z.string().refine((name) => name !== "constructor", {
  error: "`constructor` cannot be the name of a member, which expressions could not look at",
});

/** How a duration is written, for whoever wrote something else. */
export const durationForms = `write 250ms, 30s, 5m, 2h or 1d, up to ${DURATION_MS_MAX / 86_400_000}d, a number of milliseconds, or \${…}`;

const duration = z
  .union([z.string(), z.number()])
  .refine((value) => isDuration(value), { error: durationForms, params: { code: "duration" } })
  .meta({
    id: "Duration",
    description: "250ms, 30s, 5m, 2h, 1d, a number of milliseconds, or ${…}",
    examples: ["30s", "5m", 1500],
  });

function isDuration(value: string | number): boolean {
  return (
    (typeof value === "string" && value.includes("${")) || parseDurationMs(value) !== undefined
  );
}

export const nameOf = (what: string) =>
  z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, {
      error: `${what} starts with a letter, has letters, digits, - and _, and at most 64 of them`,
    })
    .meta({ description: `The name of ${what}` });

export const inputSchema = z
  .strictObject({
    topic: text.meta({
      description:
        "MQTT topic filter; `+` stands for one level, `#` at the end for all that follow",
      examples: ["site/+/motion"],
    }),
    role: text.optional().meta({
      description: "In a flow with roles: the role of the thing whose event it is",
      examples: ["sensor"],
    }),
    thing: text.optional().meta({
      description: "Whose event it is; by default the publishing client's thing",
      examples: ["${topic[1]}"],
    }),
    id: text.optional().meta({
      description: "What identifies an event, so that a repeat is taken once",
      examples: ["${event.id}"],
    }),
    format: z.enum(["json", "text", "bytes", "cbor"]).optional().meta({
      description: "How to read the payload; json by default",
    }),
    schema: z
      .union([z.boolean(), z.record(text, json)])
      .optional()
      .meta({
        description: "JSON Schema (2020-12) of the payload; what does not fit is rejected",
      }),
    description: text.optional(),
  })
  .meta({ description: "How MQTT messages become events" });

export const commandSchema = z
  .strictObject({
    topic: text.meta({
      description: "Where it is published",
      examples: ["site/${thing.name}/light/set"],
    }),
    thing: text
      .optional()
      .meta({ description: "Whose command it is; the instance's own by default" }),
    to: text.optional().meta({
      description: "In a flow with roles: the role of the thing that it goes to",
      examples: ["light"],
    }),
    qos: z
      .union([z.literal(0), z.literal(1)])
      .optional()
      .meta({ description: "1 by default" }),
    expires: duration.optional().meta({
      description: "Not delivered by then, it is `expired`; without it, it waits",
    }),
    format: z.enum(["json", "text", "bytes"]).optional().meta({
      description: "How the payload is written; json by default, bytes from base64 text",
    }),
    supersede: z.boolean().optional().meta({
      description: "Whether a newer one replaces one not yet delivered; true by default",
    }),
    description: text.optional(),
  })
  .meta({ description: "An MQTT message that the flow may send" });

/** As they stand in an expression: `roles.sensor.name`. */
const roleName = member
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, {
    error: "a role starts with a letter, has letters, digits and _, and at most 64 of them",
  })
  .meta({ description: "The name of a role" });

const ROLES_MAX = 100;

const rolesSchema = z
  .record(roleName, z.strictObject({ description: text.optional() }))
  .refine((roles) => Object.keys(roles).length > 0, { error: "a flow with roles has one at least" })
  .refine((roles) => Object.keys(roles).length <= ROLES_MAX, {
    error: `a flow has at most ${ROLES_MAX} roles`,
  })
  .meta({ description: "What things a deployment binds; with them, the flow is deployed" });

const callRequest = {
  url: text,
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]).optional(),
  headers: z.record(text, text).optional(),
  body: json.optional(),
  timeout: duration.optional().meta({ description: "10s by default" }),
  retries: z.int().min(0).max(20).optional().meta({ description: "3 by default" }),
};

/** One action; its first member says which. */
const actionSchemas = {
  assign: z
    .strictObject({ assign: z.record(member, json) })
    .meta({ description: "Sets members of the context; every string is an expression" }),
  command: z
    .strictObject({
      command: text,
      payload: json.optional(),
      thing: text.optional(),
      expires: duration.optional(),
    })
    .meta({ description: "Sends one of the flow's commands" }),
  call: z
    .strictObject({ call: z.strictObject(callRequest), name: nameOf("a call").optional() })
    .meta({
      description: "Makes an HTTP request; `done.<name>` and `error.<name>` are its events",
    }),
  publish: z
    .strictObject({
      publish: z.strictObject({
        topic: text,
        key: text.optional(),
        type: text.optional(),
        payload: json.optional(),
      }),
    })
    .meta({ description: "Writes a CloudEvent to a topic of the log" }),
  send: z
    .strictObject({
      send: z.strictObject({
        flow: text,
        key: text,
        type: text,
        payload: z.record(text, json).optional(),
      }),
    })
    .meta({ description: "Sends an event to another instance" }),
  raise: z
    .strictObject({
      raise: z.union([text, z.object({ type: text }).catchall(json)]),
      delay: duration.optional(),
      id: text.optional(),
    })
    .meta({ description: "Raises an event inside this machine, at once or after a delay" }),
  cancel: z.strictObject({ cancel: text }).meta({ description: "Takes a delayed `raise` back" }),
  log: z
    .strictObject({ log: text, level: z.enum(["debug", "info", "warn", "error"]).optional() })
    .meta({ description: "Writes a line for operators" }),
} as const;

export const actionNames: readonly string[] = Object.keys(actionSchemas);

const action = z.union(Object.values(actionSchemas)).meta({ id: "Action" });
const actions = z.union([action, z.array(action)]).meta({ id: "Actions" });

/** What stands where something is to be done. */
export const actionForms: readonly z.ZodType[] = [action, actions];

const guard: z.ZodType = z
  .lazy(() =>
    z.union([
      text.meta({ description: "A CEL expression", examples: ["event.lux < 40"] }),
      z.strictObject({ and: z.array(guard) }),
      z.strictObject({ or: z.array(guard) }),
      z.strictObject({ not: guard }),
      z.strictObject({ in: text }).meta({ description: "A state, as `#id`, that must be active" }),
    ]),
  )
  .meta({ id: "Guard" });

const transition = z
  .strictObject({
    target: z.union([text, z.array(text)]).optional(),
    guard: guard.optional(),
    actions: actions.optional(),
    reenter: z.boolean().optional(),
    description: text.optional(),
    meta: json.optional(),
  })
  .meta({ id: "Transition" });

const transitions = z
  .union([text, transition, z.array(z.union([text, transition])), z.null()])
  .meta({ id: "Transitions" });

/** What a state can invoke. */
export const invocationSource = "call";

const invoke = z
  .strictObject({
    src: z.literal(invocationSource),
    id: nameOf("an invocation").optional(),
    input: z.strictObject(callRequest),
    onDone: transitions.optional(),
    onError: transitions.optional(),
  })
  .meta({ id: "Invocation" });

const stateShape = {
  id: text.optional(),
  description: text.optional(),
  type: z.enum(["atomic", "compound", "parallel", "final", "history"]).optional(),
  initial: z
    .union([text, z.strictObject({ target: text, actions: actions.optional() })])
    .optional(),
  on: z.record(text, transitions).optional(),
  after: z.record(text, transitions).optional(),
  always: transitions.optional(),
  entry: actions.optional(),
  exit: actions.optional(),
  invoke: z.union([invoke, z.array(invoke)]).optional(),
  onDone: transitions.optional(),
  history: z.union([z.boolean(), z.enum(["shallow", "deep"])]).optional(),
  target: text.optional(),
  output: json.optional(),
  tags: z.union([text, z.array(text)]).optional(),
  meta: json.optional(),
  route: z.strictObject({ guard: guard.optional(), actions: actions.optional() }).optional(),
};

const state: z.ZodType = z
  .lazy(() => z.strictObject({ ...stateShape, states: z.record(text, state).optional() }))
  .meta({ id: "State" });

const machine = z
  .strictObject({
    ...stateShape,
    states: z.record(text, state).optional(),
    context: z.record(member, json).optional(),
    version: text.optional(),
  })
  .meta({ description: "An XState v5 machine config" });

export const flowSchema = z
  .strictObject({
    $schema: text.optional(),
    flow: nameOf("a flow"),
    namespace: nameOf("a namespace").optional(),
    description: text.optional(),
    key: text.optional().meta({
      description:
        "What its events share; one instance for each value. The thing's name by default",
      examples: ["${thing.name}"],
    }),
    start: z.array(text).optional().meta({
      description: "Inputs that may begin an instance; without it, any may",
    }),
    strict: z.boolean().optional().meta({
      description: "Whether an event that no state knows is rejected; ignored by default",
    }),
    journal: z.enum(["steps", "all"]).optional().meta({
      description: "`all` journals events that select no transition, too",
    }),
    keepDone: duration.optional().meta({
      description: "How long an ended instance stays findable; 7d by default",
    }),
    params: z.record(member, json).optional(),
    roles: rolesSchema.optional(),
    inputs: z.record(nameOf("an input"), inputSchema).optional(),
    commands: z.record(nameOf("a command"), commandSchema).optional(),
    machine,
  })
  .meta({ title: "Millrace flow", description: "One flow: its inputs, its commands, its machine" });

export type FlowFile = z.infer<typeof flowSchema>;
export type InputFile = z.infer<typeof inputSchema>;
export type CommandFile = z.infer<typeof commandSchema>;

/** The JSON Schema of a flow file, for editors. */
export function flowJsonSchema(): object {
  return z.toJSONSchema(flowSchema, { io: "input", unrepresentable: "any" });
}
