import type { Bookmark } from "@millrace/shared/contract/reader";
import { type Instance, isExpired } from "./instance.ts";
import type { Partition, Shared } from "./partition.ts";
import type { JournalRecord } from "./records.ts";
import type { Rules } from "./rules.ts";

/** What a pass may do in the tenure that it is part of. */
export interface PassHost {
  readonly sent: Bookmark;
  readonly memory: ReadonlyMap<string, Instance | undefined>;
  /** Queues one record of the pass. @returns its offset, if all before it and itself count */
  add(record: Omit<JournalRecord, "v" | "e" | "n">): number;
  end(why: string): void;
}

/**
 * A checkpoint, and after it a refresh of each live instance that has no later record: in small steps,
 * with turns in between.
 */
export class Pass {
  readonly checkpoint: number;
  /** Instances with a record after the checkpoint, or that need none: a page that is older has no say. */
  readonly #settled = new Set<string>();
  /** Ended instances that it left out, which the store may forget. */
  readonly expired = new Set<string>();
  /** What was in memory as it began. */
  readonly #remembered: string[];
  #cursor = "";
  #page: readonly Instance[] | undefined;
  #paged = false;
  /** Records of the pass that are not acknowledged yet. */
  unacknowledged = 1;

  constructor(checkpoint: number, memory: PassHost["memory"], asksMemory: boolean) {
    this.checkpoint = checkpoint;
    this.#remembered = asksMemory ? [...memory.keys()] : [];
  }

  /** All of it is appended; it counts when it is acknowledged, too. */
  get isSent(): boolean {
    return this.#paged && this.#remembered.length === 0;
  }

  get isDone(): boolean {
    return this.isSent && this.unacknowledged === 0;
  }

  stepped(key: string, { dropsSpareBegun }: Rules): void {
    this.#settled.add(key);
    if (dropsSpareBegun) this.expired.delete(key);
  }

  /** Goes on a little. */
  step(host: PassHost, partition: Partition, shared: Shared): void {
    const { rules, random } = shared;
    const remembered = this.#remembered.pop();
    if (remembered !== undefined) {
      const instance = host.memory.get(remembered);
      // What has left memory is in the store, and comes with its page.
      if (instance !== undefined) this.#consider(instance, host, shared);
      return;
    }
    if (this.#page === undefined) {
      const { now } = partition.store;
      if (rules.pagesNamePosition && now.bookmark.offset !== host.sent.offset) {
        return host.end("a page is refused");
      }
      const after = [...now.instances.keys()].sort().filter((key) => key > this.#cursor);
      this.#page = after
        .slice(0, 1 + random.below(2))
        .map((key) => now.instances.get(key) as Instance);
      return;
    }
    for (const stored of this.#page) {
      this.#cursor = stored.key;
      const known = rules.passSkipsStepped ? host.memory.get(stored.key) : undefined;
      this.#consider(known ?? stored, host, shared);
    }
    this.#paged = this.#page.length === 0;
    this.#page = undefined;
  }

  #consider(instance: Instance, host: PassHost, { rules, time }: Shared): void {
    const { key } = instance;
    if (rules.passSkipsStepped && this.#settled.has(key)) return;
    if (rules.passSettlesExpired) this.#settled.add(key);
    const owed = rules.dropsSpareOwing ? instance.owed : [];
    if (isExpired({ ...instance, owed }, time())) {
      this.expired.add(key);
      return;
    }
    this.#settled.add(key);
    this.unacknowledged += 1;
    host.add({ kind: "refresh", instance });
  }
}
