import {
  type JournalHeader,
  parseJournalHeader,
  type Trying,
} from "@millrace/shared/contract/journal-record";
import { readJournalValue } from "@millrace/shared/contract/read-value";
import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";
import type { InputInHand } from "./in-hand.ts";

/**
 * Finds the input that ends its owners: one that a guard loops on, or that takes all memory.
 *
 * When processes that owned a partition have ended one after the other and come no further, or the last one
 * left word that it hung, the next one takes one input at a time, and writes down before each what it has
 * in hand. What was in hand when two others ended is rejected, unread. Only one partition of a process does
 * this at a time, so that what is in hand when the process ends is what ended it.
 */
export interface Evidence {
  /** What the last owner had in hand; absent when it did not say. */
  readonly tried?: InHand;
  /** Processes, besides the one that claims, whose last word was that they have it in hand. */
  readonly by: readonly string[];
}

/** An event by its offset on `events`, or the timer of an instance. */
export type InHand = Pick<Trying, "offset" | "timer">;

/** Inputs that are taken one by one: as many as an owner that ended may have had in one turn. */
const CAREFUL_INPUTS = 500;
/** Records before a claim that are looked at. */
const TAIL_RECORDS = 20;
/** Processes that end one after the other, and come to nothing, before inputs are taken one by one. */
const OWNERS_MIN = 3;
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
  const from = Math.max(start, claim - TAIL_RECORDS);
  if (from === claim) return undefined;
  for await (const batch of log.read("journal", partition, from, claim)) tail.push(...batch);
  const last = tail.at(-1);
  const header = parseJournalHeader(last?.header);
  if (last === undefined || header === undefined) return undefined;
  const tried = tryingOf(last, header, partition);
  if (tried !== undefined) {
    // This one lives: whatever became of its partition, it was not ended by what it had in hand.
    const by = [...(tried.others ?? []), tried.worker].filter((name) => name !== worker);
    return { tried, by };
  }
  return ownersWithoutProgress(tail).add(worker).size >= OWNERS_MIN ? { by: [] } : undefined;
}

/** Of an event that goes in several turns, each owner rejects the same again, and comes no further. */
function ownersWithoutProgress(tail: readonly LogRecord[]): Set<string> {
  const owners = new Set<string>();
  for (const record of tail.toReversed()) {
    const owner = claimant(record);
    if (owner !== undefined) owners.add(owner);
    else if (parseJournalHeader(record.header)?.kind !== "rejected") break;
  }
  return owners;
}

/** What a process that hung said of itself at its end is as good as what it would have written down. */
export function hungOnBefore({ partition: _partition, ...input }: InputInHand): Evidence {
  return { tried: input, by: ["hung"] };
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
  #evidence: Evidence | undefined;
  #left: number;

  constructor(evidence: Evidence | undefined, worker: string) {
    this.#worker = worker;
    this.#evidence = evidence;
    this.#left = evidence === undefined ? 0 : CAREFUL_INPUTS;
  }

  get isOn(): boolean {
    return this.#left > 0;
  }

  /** What to write down before an input is taken. */
  trying(input: InHand): Trying {
    return { ...input, worker: this.#worker, others: this.#triedBy(input) };
  }

  isPoison(input: InHand): boolean {
    return this.#triedBy(input).length >= TRIES_MAX;
  }

  #triedBy(input: InHand): readonly string[] {
    return this.#isTried(input) ? (this.#evidence?.by ?? []) : [];
  }

  #isTried({ offset, timer }: InHand): boolean {
    const tried = this.#evidence?.tried;
    return tried !== undefined && tried.offset === offset && tried.timer === timer;
  }

  /**
   * An input is taken, or rejected, and what came of it is in the journal. What others had in hand is done
   * with: the next timer of the same instance is another input.
   */
  settled(input: InHand): void {
    this.#left -= 1;
    if (this.#isTried(input)) this.#evidence = { by: [] };
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
