import { runCommandLine } from "./program.ts";

// kafkajs asks for a timer in the past now and then, which Node 24 warns of each time.
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name !== "TimeoutNegativeWarning")
    process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

// `millrace … | head` reads what it wants and goes.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2));
