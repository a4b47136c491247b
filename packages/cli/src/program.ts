import { isOperational } from "@millrace/shared/errors/operational";
import { Command, CommanderError } from "commander";
import { CommandFailed, exitCodeOf, exitCodes } from "./client/client.ts";
import { completionCommands } from "./commands/completion.ts";
import { configCommand } from "./commands/config.ts";
import { deploymentCommand } from "./commands/deployment.ts";
import { showExamples } from "./commands/examples.ts";
import { fleetCommand } from "./commands/fleet.ts";
import { flowCommand } from "./commands/flow.ts";
import { instanceCommand } from "./commands/instance.ts";
import { journalCommand } from "./commands/journal.ts";
import { rejectedCommand } from "./commands/rejected.ts";
import { rebuildCommand } from "./commands/rebuild.ts";
import { traceCommand } from "./commands/trace.ts";
import { serveCommands } from "./commands/serve.ts";

/** The command line, with nothing run yet. */
export function createProgram(): Command {
  const program = new Command("millrace")
    .description("Durable, per-device state machines on MQTT events")
    .version("0.1.0");
  for (const command of serveCommands()) program.addCommand(command);
  program.addCommand(flowCommand());
  program.addCommand(deploymentCommand());
  program.addCommand(instanceCommand());
  program.addCommand(rejectedCommand());
  program.addCommand(traceCommand());
  program.addCommand(journalCommand());
  program.addCommand(rebuildCommand());
  program.addCommand(configCommand());
  program.addCommand(fleetCommand());
  const [completion, complete] = completionCommands(program);
  program.addCommand(completion);
  program.addCommand(complete, { hidden: true });
  program.addHelpText(
    "after",
    "\nCommands that ask a server find it by MILLRACE_URL (http://127.0.0.1:8080) and MILLRACE_TOKEN.\nExit codes: 0 ok, 1 failed, 2 usage, 3 unreachable, 4 hung.",
  );
  explainUsage(program, "millrace");
  showExamples(program);
  return program;
}

/** Usage errors say where to read on, and end with 2, as documented; commander would end with 1. */
function explainUsage(command: Command, line: string): void {
  command.exitOverride();
  command.showHelpAfterError(`(${line} --help shows how)`);
  for (const inner of command.commands) explainUsage(inner, `${line} ${inner.name()}`);
}

/** Runs one command line. @returns the exit code */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
    if (error instanceof CommandFailed) return told(error.message, error.exitCode);
    if (isOperational(error)) return told(error.message, exitCodeOf(error.code));
    throw error;
  }
}

function told(message: string, code: number): number {
  process.stderr.write(`millrace: ${message}\n`);
  return code;
}
