import {
  type JournalHeader,
  parseJournalHeader,
  type Trying,
} from "@millrace/shared/contract/journal-record";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import type { InstanceId } from "@millrace/shared/contract/names";
import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";
import type { InputInHand } from "./in-hand.ts";

/**
 * Finds the input that ends its owners: one that a guard loops on, or that takes all memory.
 *
 * When processes that owned a partition have ended one after the other without a record, or the last one
 * left word that it hung, the next one takes one input at a time, and writes down before each what it has
 * in hand. What was in hand twice when an owner ended is rejected, unread. Only one partition of a process
 * does this at a time, so that what is in hand when the process ends is what ended it.
 */
export interface Evidence {
  /** What the last owner had in hand; absent when it did not say. */
  readonly tried?: Trying;
}

/** Inputs that are taken one by one: as many as an owner that ended may have had in one turn. */
const CAREFUL_INPUTS = 500;
/** Owners that have an input in hand when they end, before it is rejected. */
const TRIES_MAX = 2;

/** What stands before a claim. @returns undefined where nothing is to be feared */
export async function evidenceBefore(
  log: EventLog,
  partition: number,
  start: number,
  claim: number,
  worker: string,
): Promise<Evidence | undefined> {
  const tail: LogRecord[] = [];
  const from = Math.max(start, claim - 2);
  if (from === claim) return undefined;
  for await (const batch of log.read("journal", partition, from, claim)) tail.push(...batch);
  const last = tail.at(-1);
  const header = parseJournalHeader(last?.header);
  if (last === undefined || header === undefined) return undefined;
  const tried = tryingOf(last, header, partition);
  if (tried !== undefined) {
    const times = tried.worker === worker ? tried.times - 1 : tried.times;
    return { tried: { ...tried, times } };
  }
  const workers = new Set([worker, ...tail.map(claimant)]);
  return workers.size === 3 && !workers.has(undefined) ? {} : undefined;
}

/** What a process that hung said of itself at its end is as good as what it would have written down. */
export function hungOnBefore({ partition: _partition, ...input }: InputInHand): Evidence {
  return { tried: { ...input, times: 1, worker: "hung" } };
}

/** Of a mark that counts, for nothing foreign stands between it and its claim. */
function tryingOf(
  record: LogRecord,
  { kind, e, n }: JournalHeader,
  partition: number,
): Trying | undefined {
  if (kind !== "mark" || e === undefined || record.offset - e !== n) return undefined;
  return readJournalValue("mark", record, partition).trying;
}

/** @returns the process that a claim names; undefined for a record of another kind */
function claimant({ header, value }: LogRecord): string | undefined {
  if (parseJournalHeader(header)?.kind !== "claim") return undefined;
  return /"worker":"([^"]+)"/.exec(value?.toString("utf8") ?? "")?.[1];
}

export class Caution {
  readonly #worker: string;
  readonly #tried: Trying | undefined;
  #left: number;

  constructor(evidence: Evidence | undefined, worker: string) {
    this.#worker = worker;
    this.#tried = evidence?.tried;
    this.#left = evidence === undefined ? 0 : CAREFUL_INPUTS;
  }

  get isOn(): boolean {
    return this.#left > 0;
  }

  /** What to write down before an input is taken. */
  trying(input: { readonly offset: number } | { readonly timer: InstanceId }): Trying {
    return { ...input, times: this.#timesOf(input) + 1, worker: this.#worker };
  }

  isPoison(input: { readonly offset: number } | { readonly timer: InstanceId }): boolean {
    return this.#timesOf(input) >= TRIES_MAX;
  }

  #timesOf(input: { readonly offset?: number; readonly timer?: InstanceId }): number {
    const tried = this.#tried;
    if (tried === undefined || tried.offset !== input.offset || tried.timer !== input.timer)
      return 0;
    return tried.times;
  }

  /** An input is taken, and what came of it is in the journal. */
  survived(): void {
    this.#left -= 1;
  }
}

/** Keeps others from taking inputs while one is in hand that may end the process. */
export class Turnstile {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** Does work while nobody else does, in the order in which it is asked for. */
  async alone(work: () => Promise<void>): Promise<void> {
    const before = this.#last;
    const mine = (async () => {
      await before;
      await work();
    })();
    this.#waiting += 1;
    this.#last = mine.catch(() => {});
    try {
      await mine;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Resolves when nobody has an input in hand; at once, as a rule. */
  async pass(): Promise<void> {
    if (this.#waiting > 0) await this.#last;
  }
}
