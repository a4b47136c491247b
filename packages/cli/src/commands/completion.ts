import { readFile } from "node:fs/promises";
import { Argument, Command } from "commander";
import { candidatesAt } from "../completion/candidates.ts";
import { placeIn } from "../completion/place.ts";
import { clientOf, print } from "./common.ts";

/**
 * `completion`, and the `complete` that its scripts ask at each TAB.
 *
 * These are ours because no library does what they do: @bomb.sh/tab 0.0.22 says "no files" to every
 * shell, so that `flow check` could not complete its file, and its bash script evaluates the line and
 * needs the package bash-completion; @pnpm/tabtab 0.5.4 and omelette 0.4.17 do not know commander, and
 * would be given the same candidates by the same code of ours.
 */
export function completionCommands(program: Command): readonly [Command, Command] {
  return [completionCommand(), completeCommand(program)];
}

const shells = ["bash", "zsh", "fish"] as const;

function completionCommand(): Command {
  return new Command("completion")
    .description("print the script for tab completion in a shell")
    .addArgument(new Argument("<shell>").choices(shells))
    .addHelpText(
      "after",
      [
        "",
        "For this shell, in bash and zsh:  source <(millrace completion bash)",
        "                in fish:          millrace completion fish | source",
        "For every shell: put that line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.",
        "The scripts run `millrace`, so it has to be on the PATH.",
      ].join("\n"),
    )
    .action(async (shell: string) => {
      const script = new URL(`../../completions/millrace.${shell}`, import.meta.url);
      print((await readFile(script, "utf8")).trimEnd());
    });
}

/** Who presses TAB waits; a server that takes longer has nothing to say. */
const ANSWER_MS_MAX = 500;

/** One candidate a line, a tab between it and what it is; or `:files`, or `:folders`. */
function completeCommand(program: Command): Command {
  return new Command("complete")
    .description("say what may stand at the end of a line; for the scripts of `completion`")
    .argument("[word...]")
    .allowUnknownOption()
    .action(async (words: readonly string[]) => {
      const client = clientOf(process.env, ANSWER_MS_MAX);
      const candidates = await candidatesAt(placeIn(program, words), client);
      if (typeof candidates === "string") return print(`:${candidates}`);
      for (const { value, about = "" } of candidates) print(`${value}\t${about}`);
    });
}
