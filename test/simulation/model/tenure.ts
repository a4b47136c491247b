import type { Position, PositionChange } from "@millrace/shared/contract/position";
import { type Bookmark, startBookmark } from "@millrace/shared/contract/reader";
import { cutSome } from "./cut.ts";
import { moved } from "./fold.ts";
import { type Floor, floorAt, floorsOf } from "./floors.ts";
import { decide, type Input, type Instance } from "./instance.ts";
import type { Partition, Shared } from "./partition.ts";
import { Pass, type PassHost } from "./pass.ts";
import { type EventRecord, type JournalRecord, nameOf } from "./records.ts";

export interface TenureStart {
  /** Offset of the claim. */
  readonly claim: number;
  readonly epoch: number;
  readonly bookmark: Bookmark;
  readonly position: Position;
  readonly held: Bookmark;
  readonly floor: Floor | undefined;
  readonly pass: Pass | undefined;
}

/** Records on their way into one append. */
interface Batch {
  readonly records: JournalRecord[];
  readonly instances: Map<string, Instance>;
  readonly copies: { readonly to: Partition; readonly event: Omit<EventRecord, "time"> }[];
  readonly ofPass: boolean;
  /** After it. */
  position: Position;
  names?: number;
}

/** One ownership, from its claim on: turns, appends, commits, passes, cuts. */
export class Tenure implements PassHost {
  readonly #name: string;
  readonly #partition: Partition;
  readonly #shared: Shared;
  readonly #claim: number;
  readonly #epoch: number;
  readonly #memory = new Map<string, Instance | undefined>();
  readonly #queue: Batch[] = [];
  readonly #seen = new Map<string, number>();
  #dirty = new Map<string, Instance>();
  #drops: Set<string> = new Set();
  /** The input decided so far, and how it moved since the last batch. */
  #offset: number;
  #time: number;
  #stamps: Record<string, number> = {};
  #journalled: Position;
  #n = 0;
  #nextOffset: number;
  #acknowledged: Bookmark;
  #input: Position;
  #floor: Floor | undefined;
  #isNamed: boolean;
  #dispatched: Bookmark | undefined;
  readonly #end: (why: string) => void;
  #ended = false;
  sent: Bookmark;
  pass: Pass | undefined;

  constructor(
    name: string,
    partition: Partition,
    shared: Shared,
    start: TenureStart,
    end: (why: string) => void,
  ) {
    this.#name = name;
    this.#partition = partition;
    this.#shared = shared;
    this.#claim = start.claim;
    this.#epoch = start.epoch;
    this.#offset = start.position.offset;
    this.#time = start.position.time;
    this.#journalled = start.position;
    this.#input = start.position;
    this.#nextOffset = start.claim + 1;
    this.#acknowledged = start.bookmark;
    this.sent = start.held;
    this.#floor = start.floor;
    this.#isNamed = start.floor !== undefined;
    this.pass = start.pass;
    this.#end = end;
  }

  get memory(): ReadonlyMap<string, Instance | undefined> {
    return this.#memory;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0 && this.sent.offset === this.#acknowledged.offset;
  }

  get isSending(): boolean {
    return this.#queue.length > 0;
  }

  end(why: string): void {
    this.#ended = true;
    this.#end(why);
  }

  // ---- turns

  /** Decides some inputs and timers, while an append may be under way. */
  turn(inputs: number, timers: number): void {
    if (this.#queue.length >= 2) return;
    const batch = this.#newBatch(false);
    let left = inputs + timers;
    for (let due = timers; left > 0 && !this.#ended; left--) {
      const isTimer = this.#shared.random.below(left) < due;
      if (isTimer) due -= 1;
      if (isTimer) this.#fireTimer(batch);
      else this.#takeEvent(batch);
    }
    if (this.#ended) return;
    const marks = this.#shared.rules.stampsOn === "every append" && this.#hasMoved();
    if (batch.records.length === 0 && marks) batch.records.push({ v: 1, kind: "mark", n: 0 });
    if (batch.records.length > 0) this.#enqueue(batch);
  }

  #hasMoved(): boolean {
    return this.#offset > this.#journalled.offset;
  }

  #takeEvent(batch: Batch): void {
    const { events } = this.#partition;
    const offset = this.#offset;
    if (offset < events.start) {
      if (this.#partition.isNewestClaim(this.#claim)) this.#partition.fail("its input is cut off");
      return this.end("its input is cut off");
    }
    const event = events.at(offset);
    if (event === undefined) return;
    this.#offset += 1;
    this.#time = Math.max(this.#time, event.time);
    if (event.n <= this.#stampOf(event.writer)) return;
    this.#seen.set(event.writer, event.n);
    this.#stamps[event.writer] = event.n;
    const { type, time, asks, to, effect, id } = event;
    const input = { type, offset, time, asks, to, effect };
    for (const key of event.keys) {
      if (this.#shared.partitionOf(key) === this.#partition) this.#decide(batch, key, input, id);
      else this.#copyOut(batch, event, offset, key);
      if (this.#ended) return;
    }
  }

  #stampOf(writer: string): number {
    return this.#seen.get(writer) ?? this.#journalled.stamps.get(writer)?.n ?? -1;
  }

  #fireTimer(batch: Batch): void {
    const { store } = this.#partition;
    const { random, rules } = this.#shared;
    if (rules.loadsNamePosition && store.now.bookmark.offset !== this.sent.offset) {
      return this.end("due timers are refused");
    }
    const known = new Map<string, Instance | undefined>([...store.now.instances, ...this.#memory]);
    const due = [...known.values()].filter((one) => one?.timer === true);
    const one = random.of(due);
    if (one === undefined) return;
    this.#decide(batch, one.key, "timer", `timer/${one.generation}/${one.seq}`);
  }

  #decide(batch: Batch, key: string, input: Input, id: string): void {
    if (!this.#load(key)) return;
    const decision = decide(key, this.#memory.get(key), input);
    if (decision === undefined) return;
    const { instance, effects } = decision;
    this.#memory.set(key, instance);
    batch.instances.set(key, instance);
    this.pass?.stepped(key, this.#shared.rules);
    if (this.#shared.rules.dropsSpareBegun) this.#drops.delete(key);
    const cause = { input, id, at: this.#offset };
    const pos = this.#shared.rules.stampsOn === "steps" ? { pos: this.#takeChange() } : {};
    batch.records.push({ v: 1, kind: "step", n: 0, cause, instance, effects, ...pos });
  }

  /** @returns false when the store holds another position than it should */
  #load(key: string): boolean {
    if (this.#memory.has(key)) return true;
    const { now } = this.#partition.store;
    if (this.#shared.rules.loadsNamePosition && now.bookmark.offset !== this.sent.offset) {
      this.end("a load is refused");
      return false;
    }
    this.#memory.set(key, now.instances.get(key));
    return true;
  }

  #copyOut(batch: Batch, event: EventRecord, offset: number, key: string): void {
    if (event.writer.startsWith("events/")) return;
    const to = this.#shared.partitionOf(key);
    if (batch.copies.some((copy) => copy.to === to && copy.event.n === offset)) return;
    const { id, type, keys, asks, to: target } = event;
    const writer = `events/${this.#partition.index}`;
    const copy = { id, writer, n: offset, type, keys, asks, to: target };
    batch.copies.push({ to, event: copy });
    if (this.#shared.rules.copiesFirst && !to.write(copy)) this.end("dies while it copies");
  }

  // ---- appends

  #newBatch(ofPass: boolean): Batch {
    return { records: [], instances: new Map(), copies: [], ofPass, position: this.#journalled };
  }

  #takeChange(): PositionChange {
    const change = { offset: this.#offset, time: this.#time, stamps: this.#stamps };
    this.#stamps = {};
    this.#journalled = moved(this.#journalled, change, this.#shared.rules);
    return change;
  }

  #enqueue(batch: Batch): void {
    const { stampsOn, epoch } = this.#shared.rules;
    const last = batch.records.length - 1;
    batch.records.forEach((record, i) => {
      this.#n += 1;
      const of = epoch === "count of the store" ? this.#epoch : this.#claim;
      const pos = i === last && stampsOn === "every append" ? { pos: this.#takeChange() } : {};
      const floor = i === last && this.#floor !== undefined ? { floor: this.#floor.offset } : {};
      batch.records[i] = { ...record, e: of, n: this.#n, ...pos, ...floor };
    });
    batch.position = this.#journalled;
    if (this.#floor !== undefined) batch.names = this.#floor.offset;
    this.#queue.push(batch);
  }

  /** The append under way comes to its end, one way or another. */
  land(): void {
    if (this.#ended) return;
    const { rules, random, faulty } = this.#shared;
    const two = rules.appendsUnderWay === 2 && this.#queue.length > 1;
    const [batch] = this.#queue.splice(two && random.chance(0.2) ? 1 : 0, 1);
    if (batch === undefined) return;
    const { records } = batch;
    const fate = faulty() ? random.next() : 1;
    if (fate < 0.05) return this.#unanswered(batch);
    if (fate < 0.11) {
      this.#partition.lateAppends.push(records);
      return this.#unanswered(batch);
    }
    if (fate > 0.9 && fate < 1) this.#partition.append(records);
    const base = this.#partition.append(records);
    this.#note(() => `appends at ${base}: ${records.map(nameOf).join(", ")}`);
    if (fate < 0.17) return this.#unanswered(batch);
    if (rules.offsetChecked && base !== this.#nextOffset) return this.end("another has written");
    this.#acknowledge(batch, base);
  }

  /** Nobody knows what became of it: if exactly it stands where it should, all is well. */
  #unanswered(batch: Batch): void {
    const { journal } = this.#partition;
    const stands = batch.records.every(({ e, n }, i) => {
      const record = journal.at(this.#nextOffset + i);
      return record?.e === e && record?.n === n;
    });
    if (stands) return this.#acknowledge(batch, this.#nextOffset);
    if (this.#shared.rules.unknownEnds) return this.end("an append is not answered");
    this.#acknowledge(batch, journal.end - batch.records.length);
  }

  #acknowledge(batch: Batch, base: number): void {
    this.#nextOffset = base + batch.records.length;
    const n = batch.records.at(-1)?.n ?? 0;
    this.#acknowledged = { offset: this.#nextOffset, epoch: this.#epoch, n };
    this.#input = batch.position;
    for (const [key, instance] of batch.instances) this.#dirty.set(key, instance);
    if (batch.names !== undefined && batch.names === this.#floor?.offset) this.#isNamed = true;
    if (!this.#shared.rules.copiesFirst) {
      for (const { to, event } of batch.copies) to.write(event);
    }
    if (batch.ofPass && this.pass !== undefined) this.pass.unacknowledged -= 1;
    this.#finishPass();
  }

  // ---- the store

  commit(): void {
    const { rules, random, faulty } = this.#shared;
    const to = this.#acknowledged;
    if (to.offset === this.sent.offset) return;
    const ahead = { offset: this.#offset, time: this.#time, stamps: this.#stamps };
    const position = rules.storeBehindJournal ? this.#input : moved(this.#journalled, ahead, rules);
    const { sent: from } = this;
    const change = {
      epoch: this.#epoch,
      from,
      to,
      position,
      instances: this.#dirty,
      drops: this.#drops,
    };
    this.#dirty = new Map();
    this.#drops = new Set();
    this.sent = to;
    const { store } = this.#partition;
    if (faulty() && random.chance(0.1)) store.repeated = change;
    if (!this.#partition.commit(change)) return this.end("its commit is refused");
    this.#note(() => `commits ${from.offset} to ${to.offset}`);
  }

  evict(): void {
    const waiting = new Set(this.#queue.flatMap(({ instances }) => [...instances.keys()]));
    const clean = [...this.#memory.keys()].filter(
      (key) => !this.#dirty.has(key) && !waiting.has(key),
    );
    const key = this.#shared.random.of(clean);
    if (key !== undefined) this.#memory.delete(key);
  }

  // ---- passes and cuts

  /** Begins a pass, or goes on with one. */
  checkpoint(): void {
    if (this.#ended || this.#queue.length >= 2) return;
    this.#readGroup();
    if (this.pass === undefined) return this.#beginPass();
    if (!this.pass.isSent) this.pass.step(this, this.#partition, this.#shared);
    if (this.pass.isSent && this.#shared.rules.floorNamed === "with its last refresh") {
      this.#nameWithRefresh(this.pass.checkpoint);
    }
    this.#finishPass();
  }

  #nameWithRefresh(floor: number): void {
    const records = this.#queue.findLast(({ ofPass }) => ofPass)?.records;
    const last = records?.pop();
    if (last !== undefined) records?.push({ ...last, floor });
  }

  #readGroup(): void {
    const { bookmark } = this.#partition.group;
    if (this.#shared.random.chance(0.5)) this.#dispatched = bookmark ?? this.#dispatched;
  }

  #beginPass(): void {
    const { rules } = this.#shared;
    const stamps = this.#stamps;
    const before = moved(this.#journalled, this.#change(), rules);
    const kept = Object.keys(stamps).flatMap((writer) => {
      const stamp = before.stamps.get(writer);
      return stamp === undefined ? [] : [[writer, stamp] as const];
    });
    const position = {
      offset: rules.checkpointBehindDecided ? before.offset : this.#partition.events.end,
      time: before.time,
      stamps: rules.checkpointStamps === "all" ? before.stamps : new Map(kept),
    };
    const dispatched = this.#dispatched ?? this.#floor?.checkpoint.dispatched ?? startBookmark;
    const floors = floorsOf(this.#floor, this.#partition.journal.start);
    const offset = this.add({ kind: "checkpoint", checkpoint: { position, dispatched, floors } });
    this.pass = new Pass(offset, this.#memory, rules.passAsksMemory);
    this.#note(() => `begins a pass, dispatched ${dispatched.offset}`);
    if (rules.floorNamed === "with the checkpoint") {
      this.#floor = { offset, checkpoint: { position, dispatched, floors } };
    }
  }

  #change(): PositionChange {
    return { offset: this.#offset, time: this.#time, stamps: this.#stamps };
  }

  add(record: Omit<JournalRecord, "v" | "e" | "n">): number {
    const batch = this.#newBatch(true);
    batch.records.push({ v: 1, n: 0, ...record });
    this.#enqueue(batch);
    return this.#claim + this.#n;
  }

  #finishPass(): void {
    if (this.pass?.isDone !== true) return;
    this.#floorIs(this.pass.checkpoint);
    for (const key of this.pass.expired) this.#drops.add(key);
    this.#note(() => `has the floor ${this.#floor?.offset}, drops ${[...this.#drops].join()}`);
    this.pass = undefined;
  }

  #floorIs(offset: number): void {
    if (this.#floor?.offset === offset) return;
    const floor = floorAt(this.#partition.journal, offset);
    if (floor === undefined) return;
    this.#floor = floor;
    this.#isNamed = false;
  }

  /** Deletes what nobody needs any more, once the floor is named. */
  cut(): void {
    if (this.#floor === undefined) return;
    if (this.#shared.rules.cutAfterNaming && !this.#isNamed) return;
    cutSome(this.#partition, this.#shared, this.#floor, this.#offset);
  }

  #note(line: () => string): void {
    this.#partition.note(() => `${this.#name} ${line()}`);
  }
}
