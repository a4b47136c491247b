import type { Json } from "@millrace/shared/contract/json";
import { isOperational } from "@millrace/shared/errors/operational";
import type { Clock } from "@millrace/shared/ports/clock";
import type { EventLog } from "@millrace/shared/ports/event-log";
import { payloadAsCame } from "../runtime/device-reading.ts";
import { runsOf } from "./offset-runs.ts";

/**
 * The payload of a step's cause, as a rejection shows one; or why there is none: the log has deleted the
 * input, or there was no time to look for it.
 */
export type CausePayload =
  | { readonly payload: Json }
  | { readonly noPayload: "deleted" | "not-read" };

/** Of a larger one, its size and its first 1,024 bytes are shown: a page has up to a hundred. */
const PAYLOAD_SHOWN_BYTES_MAX = 16 * 1024;
/** Inputs nearer than this are read in one go; what lies between them may be 128 KiB each. */
const GAP_RECORDS_MAX = 200;
const READ_MS_MAX = 1_000;

/** A payload as it is shown beside a step. */
export function shownPayload(value: Buffer | null): Json {
  return payloadAsCame(value, PAYLOAD_SHOWN_BYTES_MAX);
}

/**
 * The payloads of inputs of one partition, by their offsets: one pass over `events`, from the newest to the
 * oldest, for a second at the most.
 */
export async function causePayloads(
  { log, clock }: { readonly log: EventLog; readonly clock: Clock },
  partition: number,
  offsets: readonly number[],
): Promise<ReadonlyMap<number, CausePayload>> {
  const found = new Map<number, CausePayload>();
  if (offsets.length === 0) return found;
  const endMs = clock.monotonicMs() + READ_MS_MAX;
  const { start } = await log.bounds("events", partition);
  for (const offset of offsets)
    found.set(offset, { noPayload: offset < start ? "deleted" : "not-read" });
  const kept = [...found.keys()].filter((offset) => offset >= start).sort((a, b) => a - b);
  for (const [first, last] of runsOf(kept, GAP_RECORDS_MAX).toReversed()) {
    if (clock.monotonicMs() >= endMs) break;
    try {
      for await (const batch of log.read("events", partition, first, last + 1))
        for (const { offset, value } of batch)
          if (found.has(offset)) found.set(offset, { payload: shownPayload(value) });
    } catch (error) {
      // Retention has come in between.
      if (!isOperational(error, "LOG-006")) throw error;
      for (const offset of kept)
        if (offset <= last && offset < error.facts.start)
          found.set(offset, { noPayload: "deleted" });
    }
  }
  return found;
}
