import { pino } from "pino";
import pretty from "pino-pretty";
import type { Config } from "../config/settings.ts";

export type Line = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  facts?: object,
) => void;

/**
 * Logs to standard error: lines of JSON for programs, words and colours for a person at a terminal.
 *
 * @param isTerminal threads other than the main one do not know
 */
export function createLogger(
  level: Config["logLevel"],
  role: string,
  isTerminal = process.stderr.isTTY,
): Line {
  const stream = isTerminal
    ? pretty({
        destination: 2,
        sync: true,
        singleLine: true,
        ignore: "pid,hostname,role",
        translateTime: "HH:MM:ss",
      })
    : pino.destination({ dest: 2, sync: true });
  const logger = pino({ level, base: { role } }, stream);
  return (lineLevel, message, facts) => logger[lineLevel](facts ?? {}, message);
}
