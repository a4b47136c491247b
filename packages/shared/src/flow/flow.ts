import { createHash } from "node:crypto";
import type { AnyStateMachine } from "xstate";
import type { Json, JsonObject } from "../contract/json.ts";
import { DEFAULT_NAMESPACE } from "../contract/names.ts";
import { parseDurationMs } from "../contract/time.ts";
import type { FlowCommand } from "./actions.ts";
import { compileDuration } from "./call-request.ts";
import { ExpressionError, inputVariables, machineVariables } from "./expression.ts";
import { didYouMean, type Faults, type Path } from "./fault.ts";
import { compileInput, type FlowInput } from "./input.ts";
import { compileMachine, type MachineScope } from "./machine.ts";
import type { MachineConfig } from "./machine-config.ts";
import type { CommandFile, FlowFile } from "./schema.ts";
import { outgoing, type StateNode, Structure, walk } from "./structure.ts";
import { compileText, type Template } from "./template.ts";
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

/** Compiles a flow of the right shape. @returns undefined when `faults` has an error */
export function compileFlow(
  file: FlowFile,
  faults: Faults,
  options: { readonly microstepsMax?: number } = {},
): Flow | undefined {
  const machine = file.machine as unknown as MachineConfig;
  const structure = new Structure(machine, file.flow);
  structure.check(faults);
  const vocabulary = vocabularyOf(structure.root);
  const params = (file.params ?? {}) as JsonObject;
  const inputs = compileInputs(file, faults);
  const commands = compileCommands(file, vocabulary, faults);
  checkStarts(file, vocabulary, faults);
  warnOfLooseEnds(file, structure.root, vocabulary, faults);
  const scope: MachineScope = {
    event: {},
    start: {},
    context: {},
    thing: {},
    topic: [],
    now: 0,
    params,
  };
  const compiled = compileMachine(
    machine,
    { name: file.flow, microstepsMax: options.microstepsMax ?? MICROSTEPS_MAX, commands, scope },
    faults,
  );
  if (compiled === undefined || faults.failed) return undefined;
  return {
    ns: file.namespace ?? DEFAULT_NAMESPACE,
    name: file.flow,
    version: versionOf(file as Json),
    file,
    inputs,
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

function compileInputs(file: FlowFile, faults: Faults): ReadonlyMap<string, FlowInput> {
  const key = compileKey(file.key ?? "${thing.name}", faults);
  return new Map(
    Object.entries(file.inputs ?? {}).map(([name, input]) => [
      name,
      compileInput(name, input, key, faults),
    ]),
  );
}

function compileKey(source: string, faults: Faults): Template<string> {
  try {
    return compileText(source, inputVariables);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    faults.error(error.code, ["key"], error.message);
    return compileText("", inputVariables);
  }
}

function compileCommands(
  file: FlowFile,
  vocabulary: Vocabulary,
  faults: Faults,
): ReadonlyMap<string, FlowCommand> {
  const commands = new Map<string, FlowCommand>();
  for (const [name, command] of Object.entries(file.commands ?? {})) {
    try {
      commands.set(name, compileCommandDefinition(name, command, vocabulary, faults));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      faults.error(error.code, ["commands", name], error.message);
    }
  }
  return commands;
}

function compileCommandDefinition(
  name: string,
  command: CommandFile,
  vocabulary: Vocabulary,
  faults: Faults,
): FlowCommand {
  const topic = compileText(command.topic, machineVariables);
  // A topic with expressions is checked again when they are worked out.
  const fault = topicFault(topic.constant ?? command.topic.replace(/\$\{[^}]*\}/g, "x"));
  if (fault !== undefined) {
    const reserved = fault.includes("reserved") ? "reserved" : "topic";
    faults.error(reserved, ["commands", name, "topic"], `\`${command.topic}\`: ${fault}`);
  }
  return {
    name,
    topic,
    thing: compileText(command.thing ?? "${thing.name}", machineVariables),
    qos: command.qos ?? 1,
    expiresMs:
      command.expires === undefined
        ? undefined
        : compileDuration(command.expires, machineVariables),
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

/** Warns of what is most likely a slip: an input no state hears, an event nobody sends. */
function warnOfLooseEnds(
  file: FlowFile,
  root: StateNode,
  vocabulary: Vocabulary,
  faults: Faults,
): void {
  const inputs = Object.keys(file.inputs ?? {});
  for (const name of inputs) {
    if (vocabulary.hears(name)) continue;
    faults.warn("never-heard", ["inputs", name], `no state has a transition on \`${name}\``);
  }
  const known = new Set([...inputs, ...raisedEvents(root)]);
  const commands = Object.keys(file.commands ?? {});
  walk(root, (node) => {
    for (const type of Object.keys(node.config.on ?? {})) {
      const path: Path = [...node.path, "on", type];
      if (known.has(type) || type.includes("*") || type.startsWith("xstate.")) continue;
      const [outcome = "", name = ""] = type.split(".");
      if (commandOutcomes.has(outcome) && commands.includes(name)) continue;
      if (callOutcomes.has(outcome) || outcome === "denied") continue;
      const hint = didYouMean(type, known);
      faults.warn(
        "never-used",
        path,
        `no input is named \`${type}\`; only a signal can cause it${hint}`,
      );
    }
  });
}

const commandOutcomes = new Set(["delivered", "refused", "expired", "superseded", "denied"]);
const callOutcomes = new Set(["done", "error"]);

/** Types of events that the machine raises itself, where they are written out. */
function raisedEvents(root: StateNode): string[] {
  const types: string[] = [];
  const look = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(look);
    if (typeof value !== "object" || value === null || !("raise" in value)) return;
    const { raise } = value as { raise: string | { type?: string } };
    types.push(typeof raise === "string" ? raise : (raise.type ?? ""));
  };
  walk(root, (node) => {
    look(node.config.entry);
    look(node.config.exit);
    for (const { transition } of outgoing(node)) look(transition.actions);
  });
  return types;
}
