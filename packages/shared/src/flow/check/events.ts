import { descriptorFault } from "../event-type.ts";
import { type Faults, nearest, type Path } from "../fault.ts";
import type { ActionConfig } from "../machine-config.ts";
import type { FlowFile } from "../schema.ts";
import { actionsOf, type StateNode, walk } from "../structure.ts";
import type { Vocabulary } from "../vocabulary.ts";

/** Checks that states listen to what can be heard, and warns of what is most likely a slip. */
export function checkEvents(
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
  const commands = Object.keys(file.commands ?? {});
  const actions = actionsIn(root);
  warnOfCommands(commands, actions, faults);
  const known = new Set([...inputs, ...raisedIn(actions), ...outcomesOf(commands, actions)]);
  walk(root, (node) => {
    for (const type of Object.keys(node.config.on ?? {})) {
      checkDescriptor(type, [...node.path, "on", type], known, faults);
    }
  });
}

function checkDescriptor(
  type: string,
  path: Path,
  known: ReadonlySet<string>,
  faults: Faults,
): void {
  const fault = descriptorFault(type);
  if (fault !== undefined) return faults.error("event-type", path, `\`${type}\`: ${fault}`);
  if (known.has(type) || type.includes("*")) return;
  // A type that nothing here makes may be a signal, unless it looks like one that is made.
  const meant = nearest(type, known, Math.floor(type.length / 3));
  if (meant === undefined) return;
  const message = `nothing here makes \`${type}\`, only a signal can (did you mean \`${meant}\`?)`;
  faults.warn("never-used", path, message);
}

function warnOfCommands(
  commands: readonly string[],
  actions: readonly ActionConfig[],
  faults: Faults,
): void {
  const used = new Set(actions.flatMap(({ command }) => (command === undefined ? [] : [command])));
  // A slip in the action is told there, as `unknown-command`.
  if ([...used].some((name) => !commands.includes(String(name)))) return;
  for (const name of commands) {
    if (used.has(name)) continue;
    faults.warn("never-used", ["commands", name], `no action sends the command \`${name}\``);
  }
}

function actionsIn(root: StateNode): ActionConfig[] {
  const actions: ActionConfig[] = [];
  walk(root, (node) => actions.push(...actionsOf(node)));
  return actions;
}

/** Types of events that the machine raises itself, where they are written out. */
function raisedIn(actions: readonly ActionConfig[]): string[] {
  return actions.flatMap(({ raise }) => {
    const type =
      typeof raise === "object" && raise !== null && "type" in raise ? raise["type"] : raise;
    return typeof type === "string" ? [type] : [];
  });
}

/** Types of the events by which effects tell how they ended. */
function outcomesOf(commands: readonly string[], actions: readonly ActionConfig[]): string[] {
  const calls = actions.flatMap((action) =>
    "call" in action ? [String(action["name"] ?? "call")] : [],
  );
  return [
    ...commands.flatMap((name) => commandOutcomes.map((outcome) => `${outcome}.${name}`)),
    ...calls.flatMap((name) => ["done", "error", "denied"].map((outcome) => `${outcome}.${name}`)),
    ...["publish", "send", "log"].map((kind) => `denied.${kind}`),
  ];
}

const commandOutcomes = ["delivered", "refused", "expired", "superseded", "denied"];
