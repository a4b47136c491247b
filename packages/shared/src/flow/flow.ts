import { createHash } from "node:crypto";
import type { AnyStateMachine } from "xstate";
import type { Json, JsonObject } from "../contract/json.ts";
import { DEFAULT_NAMESPACE } from "../contract/names.ts";
import { parseDurationMs } from "../contract/time.ts";
import type { FlowCommand } from "./actions.ts";
import { Budget } from "./budget.ts";
import { compileDuration } from "./call-request.ts";
import { checkEvents } from "./check/events.ts";
import { checkInputs } from "./check/inputs.ts";
import { checkNames } from "./check/names.ts";
import { checkReach } from "./check/reach.ts";
import { checkRest } from "./check/rest.ts";
import { checkRoles } from "./check/roles.ts";
import { checkSize } from "./check/size.ts";
import { checkTargets } from "./check/targets.ts";
import { compileEffectName } from "./effect-name.ts";
import {
  commandVariables,
  inputVariables,
  machineVariables,
  roleVariables,
  type Visible,
} from "./expression.ts";
import { ExpressionError, within } from "./expression-error.ts";
import { didYouMean, type Faults } from "./fault.ts";
import { compileInput, compileInputName, type FlowInput } from "./input.ts";
import { compileMachine, type MachineScope } from "./machine.ts";
import type { MachineConfig } from "./machine-config.ts";
import type { CommandFile, FlowFile } from "./schema.ts";
import { type StateNode, Structure, walk } from "./structure.ts";
import { compileName, type Template } from "./template.ts";
import { topicFault } from "./topic.ts";
import { Vocabulary } from "./vocabulary.ts";

/** One version of a flow, compiled: what the gateway routes by and the engine decides by. */
export interface Flow {
  readonly ns: string;
  readonly name: string;
  /** Content hash of the flow as written. */
  readonly version: string;
  readonly file: FlowFile;
  readonly inputs: ReadonlyMap<string, FlowInput>;
  /** What a deployment binds to things; undefined where instances are keyed by an expression. */
  readonly roles: ReadonlySet<string> | undefined;
  /** Inputs that may begin an instance; undefined for all of them. */
  readonly starts: ReadonlySet<string> | undefined;
  readonly strict: boolean;
  readonly journalAll: boolean;
  readonly keepDoneMs: number;
  readonly params: JsonObject;
  readonly machine: AnyStateMachine;
  /** Event types that some state has a transition for. */
  readonly vocabulary: Vocabulary;
  readonly scope: MachineScope;
}

const MICROSTEPS_MAX = 1_000;
const KEEP_DONE_MS = 7 * 24 * 60 * 60 * 1000;

/** The address of a flow version: 96 bits of its content's SHA-256, as hex. */
function versionOf(file: Json): string {
  return createHash("sha256").update(JSON.stringify(file)).digest("hex").slice(0, 24);
}

export interface CompileOptions {
  readonly microstepsMax?: number;
  /** It was checked when it was published: what is checked more strictly since then must not stop it. */
  readonly published?: boolean;
}

/** Compiles a flow of the right shape. @returns undefined when `faults` has an error */
export function compileFlow(
  file: FlowFile,
  faults: Faults,
  options: CompileOptions = {},
): Flow | undefined {
  const machine = file.machine as unknown as MachineConfig;
  const structure = new Structure(machine, file.flow);
  if (!checkSize(structure, faults)) return undefined;
  const vocabulary = vocabularyOf(structure.root);
  const params = (file.params ?? {}) as JsonObject;
  const key = compileKey(file.key ?? "${thing.name}", faults);
  const roles = file.roles && new Set(Object.keys(file.roles));
  const visible = roles === undefined ? machineVariables : roleVariables(roles);
  const inputs = compileInputs(file, key, faults);
  const commands = compileCommands(file, vocabulary, commandVariables(visible), faults);
  if (options.published !== true) {
    checkRoles(file, faults);
    checkNames(structure, faults);
    checkTargets(structure, faults);
    checkRest(structure, faults);
    checkReach(structure, faults);
    checkInputs(file, key, faults);
    checkStarts(file, vocabulary, faults);
    checkEvents(file, structure.root, vocabulary, faults);
  }
  const scope: MachineScope = {
    event: {},
    start: {},
    context: {},
    thing: {},
    topic: [],
    now: 0,
    params,
    budget: new Budget(),
  };
  const compiled = compileMachine(
    machine,
    {
      name: file.flow,
      microstepsMax: options.microstepsMax ?? MICROSTEPS_MAX,
      commands,
      scope,
      visible,
    },
    faults,
  );
  if (compiled === undefined || faults.failed) return undefined;
  return {
    ns: file.namespace ?? DEFAULT_NAMESPACE,
    name: file.flow,
    version: versionOf(file as Json),
    file,
    inputs,
    roles,
    starts: file.start === undefined ? undefined : new Set(file.start),
    strict: file.strict ?? false,
    journalAll: file.journal === "all",
    keepDoneMs: parseDurationMs(file.keepDone ?? KEEP_DONE_MS) ?? KEEP_DONE_MS,
    params,
    machine: compiled,
    vocabulary,
    scope,
  };
}

function vocabularyOf(root: StateNode): Vocabulary {
  const descriptors = new Set<string>();
  walk(root, (node) => {
    for (const descriptor of Object.keys(node.config.on ?? {})) descriptors.add(descriptor);
  });
  return new Vocabulary(descriptors);
}

function compileInputs(
  file: FlowFile,
  key: Template<string>,
  faults: Faults,
): ReadonlyMap<string, FlowInput> {
  return new Map(
    Object.entries(file.inputs ?? {}).map(([name, input]) => [
      name,
      compileInput(name, input, key, faults),
    ]),
  );
}

function compileKey(source: string, faults: Faults): Template<string> {
  try {
    return compileInputName(source, "`key`");
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    faults.error(error.code, ["key"], error.message);
    return compileName("", inputVariables);
  }
}

function compileCommands(
  file: FlowFile,
  vocabulary: Vocabulary,
  visible: Visible,
  faults: Faults,
): ReadonlyMap<string, FlowCommand> {
  const commands = new Map<string, FlowCommand>();
  for (const [name, command] of Object.entries(file.commands ?? {})) {
    try {
      commands.set(name, compileCommandDefinition(name, command, vocabulary, visible, faults));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      faults.error(error.code, ["commands", name, ...error.place], error.message);
      // The actions that send it have no fault of their own.
      const blank = compileCommandDefinition(name, { topic: "x" }, vocabulary, visible, faults);
      commands.set(name, blank);
    }
  }
  return commands;
}

function compileCommandDefinition(
  name: string,
  command: CommandFile,
  vocabulary: Vocabulary,
  visible: Visible,
  faults: Faults,
): FlowCommand {
  const topic = within(["topic"], () =>
    compileEffectName(command.topic, "a command's `topic`", visible),
  );
  // A topic with expressions is checked again when they are worked out.
  const fault = topicFault(topic.constant ?? command.topic.replace(/\$\{[^}]*\}/g, "x"));
  if (fault !== undefined) {
    const reserved = fault.includes("reserved") ? "reserved" : "topic";
    faults.error(reserved, ["commands", name, "topic"], `\`${command.topic}\`: ${fault}`);
  }
  const { expires } = command;
  return {
    name,
    topic,
    thing: within(["thing"], () =>
      compileEffectName(command.thing ?? "${thing.name}", "a command's `thing`", visible),
    ),
    to: command.to,
    qos: command.qos ?? 1,
    expiresMs:
      expires === undefined
        ? undefined
        : within(["expires"], () => compileDuration(expires, visible)),
    format: command.format ?? "json",
    supersede: command.supersede ?? true,
    owed: vocabulary.hearsOutcomeOf(name),
  };
}

function checkStarts(file: FlowFile, vocabulary: Vocabulary, faults: Faults): void {
  const inputs = Object.keys(file.inputs ?? {});
  for (const [i, name] of (file.start ?? []).entries()) {
    // An event that another instance sends may begin one, too.
    if (inputs.includes(name) || vocabulary.hearsByName(name)) continue;
    const hint = didYouMean(name, inputs);
    faults.error("unknown-input", ["start", i], `the flow has no input \`${name}\`${hint}`);
  }
}
