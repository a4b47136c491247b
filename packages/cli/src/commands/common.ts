import { parseDurationMs } from "@millrace/shared/contract/time";
import { Client, CommandFailed, DEFAULT_URL, exitCodes } from "../client/client.ts";

/**
 * The client of the server that MILLRACE_URL names, or of the one on this machine.
 *
 * @param answerMsMax how long an answer may take; as long as it takes without it
 */
export function clientOf(env: NodeJS.ProcessEnv = process.env, answerMsMax?: number): Client {
  const url = env["MILLRACE_URL"] ?? DEFAULT_URL;
  if (!URL.canParse(url)) throw usage(`MILLRACE_URL is no URL: ${url}`);
  return new Client({ url, token: env["MILLRACE_TOKEN"], answerMsMax });
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** Of the API. */
export function instancePath(flow: string, key: string): string {
  return `/v1/instances/${encodeURIComponent(flow)}/${encodeURIComponent(key)}`;
}

export function usage(message: string): CommandFailed {
  return new CommandFailed(message, exitCodes.usage);
}

/** Reads an option that is a whole number above zero. */
export function wholeNumber(text: string): number {
  const n = Number(text);
  if (Number.isSafeInteger(n) && n > 0) return n;
  throw usage(`${text} is not a whole number above zero`);
}

/** Reads an option that is a duration. @returns milliseconds */
export function durationMs(option: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw usage(`${option} ${text} is no duration, as 30s, 5m or 2h`);
  return ms;
}
