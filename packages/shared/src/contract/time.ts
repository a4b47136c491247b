/** Milliseconds since 1970 by the log's clock (`LogAppendTime`), never by this machine's. */
export type EpochMs = number;

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** XState and `setTimeout` both keep delays as 32-bit numbers of milliseconds; ours may be longer. */
export const DURATION_MS_MAX = 100 * 365 * unitsMs.d;

/**
 * Reads `250ms`, `30s`, `5m`, `2h`, `1d`, or a number of milliseconds.
 *
 * @returns milliseconds, or undefined for anything else
 */
export function parseDurationMs(text: string | number): number | undefined {
  const ms = typeof text === "number" ? text : parseText(text);
  return ms !== undefined && ms >= 0 && ms <= DURATION_MS_MAX ? ms : undefined;
}

function parseText(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (!match) return undefined;
  const unit = match[2] as keyof typeof unitsMs | undefined;
  return Number(match[1]) * (unit === undefined ? 1 : unitsMs[unit]);
}
