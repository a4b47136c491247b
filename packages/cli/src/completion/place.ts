import type { Argument, Command, Option } from "commander";

/** Where the cursor stands in a command line that is being typed. */
export interface Place {
  readonly command: Command;
  /** What the word at the cursor is: the name of a command or an option, or the value of something. */
  readonly wanted: "command" | "option" | Option | Argument | undefined;
  /** The word at the cursor, up to the cursor: of `--limit=5`, the `5`. */
  readonly typed: string;
  /** What stands before `typed` in the same word. */
  readonly before: string;
  /** The arguments that are there already, by their names. */
  readonly args: Readonly<Record<string, string>>;
  /** The options' values that are there already, by their attribute names. */
  readonly options: Readonly<Record<string, string>>;
}

/**
 * Reads a line as commander would, as far as it goes.
 *
 * @param words what stands before the cursor without the program's name; the last one is being typed
 */
export function placeIn(program: Command, words: readonly string[]): Place {
  let command = program;
  let valueOf: Option | undefined;
  let onlyArgs = false;
  const args: string[] = [];
  const options: Record<string, string> = {};
  for (const word of words.slice(0, -1)) {
    if (valueOf !== undefined) {
      options[valueOf.attributeName()] = word;
      valueOf = undefined;
    } else if (onlyArgs || !word.startsWith("-")) {
      const inner = args.length > 0 ? undefined : commandNamed(command, word);
      if (inner === undefined) args.push(word);
      else command = inner;
    } else if (word === "--") onlyArgs = true;
    else {
      const [option, value] = optionIn(command, word);
      if (value !== undefined && option !== undefined) options[option.attributeName()] = value;
      else if (option !== undefined && takesValue(option)) valueOf = option;
    }
  }
  const last = words.at(-1) ?? "";
  const here = { command, typed: last, before: "", args: named(command, args), options };
  if (valueOf !== undefined) return { ...here, wanted: valueOf };
  if (onlyArgs || !last.startsWith("-")) {
    const among = args.length === 0 && command.commands.length > 0;
    return { ...here, wanted: among ? "command" : argumentAt(command, args.length) };
  }
  const [option, value] = optionIn(command, last);
  if (value === undefined) return { ...here, wanted: "option" };
  return {
    ...here,
    wanted: option,
    typed: value,
    before: last.slice(0, last.length - value.length),
  };
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function commandNamed(command: Command, name: string): Command | undefined {
  return command.commands.find((inner) => inner.name() === name || inner.aliases().includes(name));
}

/** The option that a word names, and its value where that is in the same word. */
function optionIn(command: Command, word: string): [Option | undefined, string | undefined] {
  const [name = "", ...value] = word.split("=");
  const option = command.options.find(({ long, short }) => long === name || short === name);
  return [option, word.includes("=") ? value.join("=") : undefined];
}

function argumentAt({ registeredArguments }: Command, index: number): Argument | undefined {
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic === true ? last : undefined);
}

function named(
  { registeredArguments }: Command,
  args: readonly string[],
): Readonly<Record<string, string>> {
  const pairs = args.map((arg, i) => [registeredArguments[i]?.name() ?? String(i), arg]);
  return Object.fromEntries(pairs) as Record<string, string>;
}
