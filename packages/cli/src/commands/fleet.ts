import { Command } from "commander";
import { print, wholeNumber } from "./common.ts";

interface FleetOptions {
  readonly mqtt: string;
  readonly devices: number;
  readonly seed: number;
  readonly quiet?: true;
}

/** `fleet`: rooms with a motion sensor and a lamp, as real MQTT clients. */
export function fleetCommand(): Command {
  return new Command("fleet")
    .description("simulate rooms with a motion sensor and a lamp")
    .option("--mqtt <url>", "where they connect", "mqtt://127.0.0.1:1883")
    .option("--devices <count>", "how many rooms", wholeNumber, 6)
    .option(
      "--seed <number>",
      "who moves when; the same each time for the same number",
      wholeNumber,
      7,
    )
    .option("--quiet", "say nothing of what happens")
    .action(async ({ mqtt, devices, seed, quiet }: FleetOptions) => {
      // Loaded by those who simulate: other commands, and every TAB, answer at once.
      const { Fleet } = await import("../fleet/fleet.ts");
      const fleet = new Fleet({
        url: mqtt,
        rooms: devices,
        seed,
        token: process.env["MILLRACE_TOKEN"],
        say: quiet ? () => {} : print,
      });
      const stopped = new Promise<void>((resolve) => {
        for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
      });
      await fleet.start();
      await stopped;
      await fleet.stop();
    });
}
