import { runCommandLine } from "./program.ts";

// kafkajs asks for a timer in the past now and then, which Node 24 warns of each time.
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name !== "TimeoutNegativeWarning")
    process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

process.exitCode = await runCommandLine(process.argv.slice(2));
