import { type Bookmark, startBookmark } from "@millrace/shared/contract/reader";
import { dispatchedSoFar } from "./floors.ts";
import { type Reader, readerFrom } from "./fold.ts";
import type { Effect, Instance } from "./instance.ts";
import type { Partition, Shared } from "./partition.ts";
import type { EventRecord, JournalRecord } from "./records.ts";

/** One record's effects that are under way; the bookmark waits for them. */
interface Ticket {
  readonly before: Bookmark;
  underWay: number;
}

interface Pending {
  readonly effect: Effect;
  /** Of the record that it came from. */
  readonly offset: number;
  ticket: Ticket | undefined;
  parking: "no" | "asked" | "parked";
}

/** What an open dispatcher has in memory. */
interface Open {
  readonly reader: Reader;
  readonly from: number;
  /** The end of the journal as it opened. */
  readonly recoverUntil: number;
  readonly tickets: Ticket[];
  /** Asked to be parked and done since: the step that parks them changes nothing, the first one. */
  readonly answered: Set<string>;
  readonly pending: Map<string, Pending>;
  readonly writer: string;
  written: number;
  hasResumed: boolean;
}

/** One of two processes that dispatch a partition in turn, or both believe that they do. */
export class Dispatcher {
  readonly #name: string;
  readonly #partition: Partition;
  readonly #shared: Shared;
  #open: Open | undefined;
  #lives = 0;

  constructor(name: string, partition: Partition, shared: Shared) {
    this.#name = name;
    this.#partition = partition;
    this.#shared = shared;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  get isMember(): boolean {
    return this.#open !== undefined && this.#partition.group.member === this.#open;
  }

  get isIdle(): boolean {
    if (this.#open === undefined) return false;
    const { pending, reader, hasResumed } = this.#open;
    return hasResumed && pending.size === 0 && reader.offset === this.#partition.journal.end;
  }

  crash(): void {
    if (this.#open !== undefined) this.#note(() => "crashes");
    this.#open = undefined;
  }

  /** The group gives it the partition: from now on no other one's bookmark is taken. */
  open(): void {
    const { journal, group } = this.#partition;
    const from = this.#begin();
    if (from === undefined) return this.#partition.fail("no floor to begin dispatching at");
    this.#lives += 1;
    this.#open = {
      reader: readerFrom(from, this.#shared.rules),
      from: from.offset,
      recoverUntil: journal.end,
      tickets: [],
      answered: new Set(),
      pending: new Map(),
      writer: `${this.#name}-${this.#lives}`,
      written: 0,
      hasResumed: false,
    };
    group.member = this.#open;
    this.#note(() => `opens at ${from.offset}`);
  }

  #begin(): Bookmark | undefined {
    const { journal, group } = this.#partition;
    const { rules } = this.#shared;
    const bookmark = group.bookmark;
    if (bookmark === undefined) return dispatchedSoFar(journal, rules);
    if (bookmark.offset < journal.start) return dispatchedSoFar(journal, rules);
    if (rules.bookmarkHasEpoch) return bookmark;
    const next = journal.at(bookmark.offset);
    const epoch = next?.kind === "claim" ? -1 : (next?.e ?? -1);
    return { offset: bookmark.offset, epoch, n: (next?.n ?? 1) - 1 };
  }

  // ---- reading

  read(records: number): void {
    for (let left = records; left > 0 && this.#open !== undefined; left--)
      this.#readOne(this.#open);
  }

  #readOne(open: Open): void {
    const { journal } = this.#partition;
    const { offset, bookmark: before } = open.reader;
    if (offset >= journal.end) return;
    if (offset < journal.start) return this.#belowStart();
    const record = journal.at(offset) as JournalRecord;
    const reading = open.reader.read(offset, record);
    if (reading === "gap")
      return this.#partition.fail(`the dispatcher finds a gap before ${offset}`);
    if (reading !== "counts" || record.kind !== "step") return;
    if (!this.#partition.truth.counts.has(offset)) {
      return this.#partition.fail(`the dispatcher takes ${offset}, which is void`);
    }
    const ticket = { before, underWay: 0 };
    open.tickets.push(ticket);
    for (const effect of record.effects ?? []) this.#begun(open, effect, offset, ticket);
    this.#settleTickets(open);
    if (this.#open === open) this.#stepRead(open, record, offset);
  }

  /** It was away, or its bookmark got lost while the owner remembered a later one. */
  #belowStart(): void {
    if (!this.isMember) return this.crash();
    const { rules } = this.#shared;
    if (rules.belowStart === "stop") this.#partition.fail("the dispatcher reads below the start");
    this.#partition.group.bookmark = undefined;
    this.open();
  }

  #begun(open: Open, effect: Effect, offset: number, ticket: Ticket): void {
    if (effect.kind === "send" && this.#shared.rules.sendsInOrder) {
      return this.#send(effect, offset);
    }
    if (open.pending.has(effect.id)) return;
    ticket.underWay += 1;
    open.pending.set(effect.id, { effect, offset, ticket, parking: "no" });
  }

  #stepRead(open: Open, { cause, instance }: JournalRecord, offset: number): void {
    if (instance === undefined) return;
    const input = cause?.input;
    const parked = input !== "timer" && input?.type === "parked" ? input.effect : undefined;
    const begun = parked && open.pending.get(parked.id);
    const { parkedByOthersCounts } = this.#shared.rules;
    if (begun?.parking === "asked" || (begun?.parking === "no" && parkedByOthersCounts)) {
      begun.parking = "parked";
      this.#release(open, begun);
    }
    for (const one of open.pending.values()) {
      const { effect, parking } = one;
      const isKept = parking === "parked" || effect.owed;
      if (effect.of !== instance.key || !isKept || offset <= one.offset) continue;
      if (!instance.owed.some((owed) => owed.effect.id === effect.id)) this.#finish(open, one);
    }
    if (parked === undefined || open.answered.delete(parked.id)) return;
    const { parkedTakenUp } = this.#shared.rules;
    const isThere = offset < open.recoverUntil && parkedTakenUp === "those there as it opens";
    if (parkedTakenUp === "all" || isThere) this.#resumeAll(open, instance, offset);
  }

  // ---- effects

  /** Takes over from the store what an earlier dispatcher had put aside. */
  resume(): void {
    const open = this.#open;
    const { store } = this.#partition;
    const { rules } = this.#shared;
    if (open === undefined || open.hasResumed) return;
    const { offset } = store.now.bookmark;
    if (rules.parkedWaitsForBookmark && offset < open.from) return;
    if (rules.parkedWaitsForRebuild && store.isBeingRebuilt) return;
    for (const instance of store.now.instances.values())
      this.#resumeAll(open, instance, offset - 1);
    open.hasResumed = true;
    this.#note(() => `takes over what is parked, store at ${offset}`);
  }

  #resumeAll({ pending }: Open, { owed }: Instance, offset: number): void {
    for (const { effect, parked } of owed) {
      if (!parked || pending.has(effect.id)) continue;
      pending.set(effect.id, { effect, offset, ticket: undefined, parking: "parked" });
    }
  }

  /** Carries out one of the effects under way. */
  execute(): void {
    const open = this.#open;
    const one = open && this.#shared.random.of([...open.pending.values()]);
    if (open === undefined || one === undefined) return;
    const { effect, parking, offset } = one;
    if (effect.kind === "send") this.#send(effect, offset);
    else {
      this.#done(effect);
      // Who has asked for it to be parked cannot know whether the step stands already.
      if ((effect.owed || parking !== "no") && !this.#write(open, "result", effect)) {
        return this.crash();
      }
      if (parking === "asked") open.answered.add(effect.id);
    }
    if (this.#open === open) this.#finish(open, one);
  }

  #send(effect: Effect, offset: number): void {
    this.#done(effect);
    const target = this.#shared.partitionOf(effect.to);
    const written = target.write({
      id: `send/${effect.id}`,
      writer: `journal/${this.#partition.index}`,
      n: offset,
      type: "signal",
      keys: [effect.to],
      asks: "nothing",
      to: "",
    });
    if (!written) this.crash();
  }

  #done({ id }: Effect): void {
    this.#shared.executed.add(id);
    this.#note(() => `executes ${id}`);
  }

  /** Asks an instance to keep an effect that takes long. */
  park(): void {
    const open = this.#open;
    if (open === undefined) return;
    const waiting = [...open.pending.values()].filter(
      ({ effect, parking }) => effect.kind === "command" && parking !== "parked",
    );
    const one = this.#shared.random.of(waiting);
    if (one === undefined) return;
    one.parking = "asked";
    if (!this.#write(open, "parked", one.effect)) return this.crash();
    if (this.#shared.rules.parkedPassed === "it was asked for") this.#release(open, one);
  }

  #write(open: Open, type: EventRecord["type"], effect: Effect): boolean {
    open.written += 1;
    const n = open.written;
    const { writer } = open;
    const id = `${type}/${writer}/${n}`;
    return this.#partition.write({
      id,
      writer,
      n,
      type,
      keys: [effect.of],
      asks: "nothing",
      to: "",
      effect,
    });
  }

  #finish(open: Open, one: Pending): void {
    open.pending.delete(one.effect.id);
    this.#release(open, one);
  }

  #release(open: Open, one: Pending): void {
    if (one.ticket !== undefined) one.ticket.underWay -= 1;
    one.ticket = undefined;
    this.#settleTickets(open);
  }

  #settleTickets({ tickets }: Open): void {
    while (tickets[0]?.underWay === 0) tickets.shift();
  }

  // ---- the bookmark

  bookmark(): void {
    if (this.#open === undefined || !this.isMember) return;
    const { tickets, reader } = this.#open;
    const bookmark = tickets[0]?.before ?? reader.bookmark;
    if (bookmark.offset === startBookmark.offset) return;
    this.#partition.group.bookmark = bookmark;
    this.#note(() => `writes its bookmark ${bookmark.offset}`);
    this.#partition.checkDispatched(bookmark.offset);
  }

  #note(line: () => string): void {
    this.#partition.note(() => `${this.#name} ${line()}`);
  }
}
