import type { Database, Key, RangeOptions } from "lmdb";
import type { Instance } from "../../contract/instance.ts";
import { encodePart, type InstanceId } from "../../contract/names.ts";
import { type Position, startPosition } from "../../contract/position.ts";
import { type Bookmark, startBookmark } from "../../contract/reader.ts";
import type { EpochMs } from "../../contract/time.ts";
import {
  DUE_PAGE_MAX,
  type DuePage,
  type DueRange,
  type InstanceIndex,
  type InstancePage,
  type InstanceQuery,
  type PartitionChange,
  type PlacedRejection,
  type RejectionPage,
  type RejectionQuery,
  REJECTIONS_LISTED_MAX,
  SCAN_PAGE_MAX,
  type ScanPage,
  type StateStore,
  type StoredInstance,
  type StoredPartition,
  type StoredRejection,
} from "../../ports/state-store.ts";
import { newerClaim, otherLog, otherPosition } from "../state-errors.ts";
import {
  isWanted,
  mergeSteps,
  pageOfRejections,
  parseRejectionCursor,
  untilOf,
} from "../state-pages.ts";
import type { Environment } from "./environment.ts";

/**
 * The embedded store. Keys begin with what they are for:
 *
 *     [meta, partition]                 epoch, log, journal bookmark, input position
 *     [instance, partition, id]         the instance, what it is found by, offsets of its last steps
 *     [due, partition, time, id]        its earliest timer
 *     [parked, partition, id]
 *     [rejection, partition, offset]
 *     [flow | state | thing, name, id]  partition: look-ups over all partitions, in the order of ids
 *
 * A commit is one transaction. It is not flushed: what a crash takes back is folded again.
 */
const META = 0;
const INSTANCE = 1;
const DUE = 2;
const PARKED = 3;
const REJECTION = 4;
const BY_FLOW = 5;
const BY_STATE = 6;
const BY_THING = 7;

/** lmdb takes no longer keys. */
const KEY_BYTES_MAX = 1_900;

interface Meta {
  readonly epoch: number;
  readonly log: string;
  readonly journal: Bookmark;
  readonly input: {
    offset: number;
    time: number;
    stamps: [string, { n: number; time: number }][];
    floor?: number | undefined;
  };
  readonly until?: number;
}

/** One entry, so that a commit looks up one place for it: its JSON, what it is found by, its last steps. */
type Entry = readonly [json: string, index: InstanceIndex, steps: readonly number[]];

export class LmdbStateStore implements StateStore {
  readonly #environment: Environment;
  readonly #db: Database<unknown>;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#db = environment.root.openDB({ name: "state" });
  }

  #meta(partition: number): Meta | undefined {
    return this.#db.get([META, partition]) as Meta | undefined;
  }

  #entry(partition: number, id: InstanceId): Entry | undefined {
    return this.#db.get([INSTANCE, partition, id]) as Entry | undefined;
  }

  async claim(partition: number, epoch: number, log: string): Promise<StoredPartition> {
    return await this.#environment.root.transaction(() => {
      const meta = this.#meta(partition);
      if (meta !== undefined && meta.epoch > epoch) throw newerClaim(partition, epoch, meta.epoch);
      if (meta !== undefined && meta.log !== log) throw otherLog(log, meta.log);
      const journal = meta?.journal ?? startBookmark;
      const input = meta?.input ?? writePosition(startPosition);
      const claimed = { ...meta, epoch, log, journal, input };
      void this.#db.put([META, partition], claimed);
      return heldBy(claimed);
    });
  }

  async restart(
    partition: number,
    epoch: number,
    at: StoredPartition,
    until: number,
  ): Promise<void> {
    await this.#environment.root.transaction(() => {
      const meta = this.#meta(partition);
      if (meta !== undefined && meta.epoch > epoch) throw newerClaim(partition, epoch, meta.epoch);
      this.#dropAll(partition);
      const input = writePosition(at.input);
      const { log = "" } = meta ?? {};
      void this.#db.put([META, partition], { epoch, log, journal: at.journal, input, until });
    });
  }

  async load(
    partition: number,
    ids: readonly InstanceId[],
    at: Bookmark,
  ): Promise<ReadonlyMap<InstanceId, string>> {
    // Behind the commits that were sent before: they are carried out in order.
    await this.#db.committed;
    this.#expect(partition, at);
    const found = new Map<InstanceId, string>();
    for (const id of ids) {
      const entry = this.#entry(partition, id);
      if (entry !== undefined) found.set(id, entry[0]);
    }
    return found;
  }

  async commit(partition: number, epoch: number, change: PartitionChange): Promise<DuePage> {
    return await this.#environment.root.transaction(() => {
      const { from, to } = change;
      const meta = this.#meta(partition);
      if (meta !== undefined && meta.epoch > epoch) throw newerClaim(partition, epoch, meta.epoch);
      const held = meta?.journal ?? startBookmark;
      if (meta === undefined || held.offset < from.offset || held.offset > to.offset) {
        throw otherPosition(partition, from, meta?.journal);
      }
      for (const one of change.instances) this.#putInstance(partition, one);
      for (const id of change.dropped ?? []) {
        const entry = this.#entry(partition, id);
        if (entry !== undefined) this.#drop(partition, id, entry);
      }
      for (const one of change.rejections)
        void this.#db.put([REJECTION, partition, one.offset], one);
      if (change.rejections.length > 0) this.#dropOldRejections(partition);
      const input = writePosition(change.input);
      const { log, until } = meta;
      const part = until !== undefined && to.offset < until ? { until } : {};
      void this.#db.put([META, partition], { epoch, log, journal: to, input, ...part });
      return this.#page(partition, change.due);
    });
  }

  async due(partition: number, range: DueRange, at: Bookmark): Promise<DuePage> {
    await this.#db.committed;
    this.#expect(partition, at);
    return this.#page(partition, range);
  }

  async scan(partition: number, at: Bookmark, cursor?: string): Promise<ScanPage> {
    await this.#db.committed;
    this.#expect(partition, at);
    const { start, end } = allOf(INSTANCE, partition) as { start: Key[]; end: Key[] };
    const items: { id: InstanceId; json: string }[] = [];
    const range = { start: cursor === undefined ? start : [...start, cursor], end };
    for (const { key, value } of this.#db.getRange(range as never)) {
      const id = (key as unknown as Key[])[2] as InstanceId;
      if (id === cursor) continue;
      if (items.length === SCAN_PAGE_MAX) return { items, next: items.at(-1)?.id as string };
      items.push({ id, json: (value as Entry)[0] });
    }
    return { items };
  }

  async count(partition: number): Promise<number> {
    return this.#db.getKeysCount(allOf(INSTANCE, partition));
  }

  /** Further on is what this process has committed meanwhile: nobody else writes here. */
  #expect(partition: number, at: Bookmark): void {
    const held = this.#meta(partition)?.journal;
    if (held === undefined || held.offset < at.offset) throw otherPosition(partition, at, held);
  }

  #putInstance(partition: number, stored: StoredInstance): void {
    const { id, json, index } = stored;
    const [, old, steps = []] = this.#entry(partition, id) ?? [];
    const entry: Entry = [json, index, mergeSteps(steps, stored)];
    void this.#db.put([INSTANCE, partition, id], entry);
    const wanted = keysOf(partition, id, index);
    const had = old === undefined ? new Map<string, Key>() : keysOf(partition, id, old);
    for (const [name, key] of had) if (!wanted.has(name)) void this.#db.remove(key);
    for (const [name, key] of wanted) if (!had.has(name)) void this.#db.put(key, partition);
  }

  #dropAll(partition: number): void {
    for (;;) {
      // A range must not be changed while it is gone through, and all of it may be too much at once.
      const some = [...this.#db.getRange({ ...allOf(INSTANCE, partition), limit: 1_000 })];
      if (some.length === 0) break;
      for (const { key, value } of some)
        this.#drop(partition, (key as unknown as Key[])[2] as InstanceId, value as Entry);
    }
    const rejections = [...this.#db.getKeys(allOf(REJECTION, partition))];
    for (const key of rejections) void this.#db.remove(key);
  }

  #drop(partition: number, id: InstanceId, [, index]: Entry): void {
    void this.#db.remove([INSTANCE, partition, id]);
    for (const key of keysOf(partition, id, index).values()) void this.#db.remove(key);
  }

  #page(partition: number, { after, by }: DueRange): DuePage {
    const due: { id: InstanceId; at: EpochMs }[] = [];
    const range = { start: [DUE, partition, after + 1], end: [DUE, partition, by + 1] };
    for (const key of this.#db.getKeys({ ...range, limit: DUE_PAGE_MAX } as never)) {
      const [, , at, id] = key as unknown as [number, number, number, InstanceId];
      due.push({ id, at });
    }
    return { until: due.length < DUE_PAGE_MAX ? by : untilOf(due, by), due };
  }

  #dropOldRejections(partition: number): void {
    const range = allOf(REJECTION, partition);
    const over = this.#db.getKeysCount(range) - REJECTIONS_LISTED_MAX;
    if (over <= 0) return;
    for (const key of this.#db.getKeys({ ...range, limit: over })) void this.#db.remove(key);
  }

  // ---- look-ups

  async instance(partition: number, id: InstanceId): Promise<Instance | undefined> {
    const entry = this.#entry(partition, id);
    return entry && (JSON.parse(entry[0]) as Instance);
  }

  async history(partition: number, id: InstanceId): Promise<readonly number[]> {
    return this.#entry(partition, id)?.[2] ?? [];
  }

  async instances(query: InstanceQuery): Promise<InstancePage> {
    const items: Instance[] = [];
    let last: InstanceId | undefined;
    for (const { key, value } of this.#db.getRange(rangeOf(query) as never)) {
      const id = (key as unknown as Key[]).at(-1) as InstanceId;
      if (id === query.cursor) continue;
      const partition = value as number;
      const [json, index] = this.#entry(partition, id) ?? [];
      if (json === undefined || index === undefined || !isWanted(id, index, query)) continue;
      if (items.length === query.limit) return { items, ...(last !== undefined && { next: last }) };
      items.push(JSON.parse(json) as Instance);
      last = id;
    }
    return { items };
  }

  async rejections(query: RejectionQuery): Promise<RejectionPage> {
    const after = parseRejectionCursor(query.cursor);
    const candidates: PlacedRejection[] = [];
    const range = { start: [META, -1], end: [META, Infinity] };
    for (const key of this.#db.getKeys(range as never)) {
      const partition = (key as unknown as number[])[1] as number;
      candidates.push(...this.#rejectionsOf(partition, query, after?.at ?? Infinity));
    }
    return pageOfRejections(candidates, query);
  }

  #rejectionsOf(partition: number, query: RejectionQuery, until: EpochMs): PlacedRejection[] {
    const found: PlacedRejection[] = [];
    const range = {
      start: [REJECTION, partition, Infinity],
      end: [REJECTION, partition, -1],
      reverse: true,
    };
    for (const { value } of this.#db.getRange(range as never)) {
      const one = value as StoredRejection;
      if (one.at > until || one.ns !== query.ns) continue;
      if (query.flow !== undefined && one.flow !== query.flow) continue;
      found.push({ ...one, partition });
      // One more than a page, and one that the cursor may stand on.
      if (found.length > query.limit + 1) break;
    }
    return found;
  }

  async parked(partition: number): Promise<readonly Instance[]> {
    const found: Instance[] = [];
    for (const key of this.#db.getKeys(allOf(PARKED, partition))) {
      const id = (key as unknown as Key[])[2] as InstanceId;
      const [json] = this.#entry(partition, id) ?? [];
      if (json !== undefined) found.push(JSON.parse(json) as Instance);
    }
    return found;
  }

  async position(partition: number): Promise<StoredPartition | undefined> {
    const meta = this.#meta(partition);
    return meta && heldBy(meta);
  }

  async close(): Promise<void> {
    await this.#db.committed;
  }
}

/** The index entries of an instance, by a name of their own. */
function keysOf(partition: number, id: InstanceId, index: InstanceIndex): Map<string, Key> {
  const keys: Key[][] = [
    [BY_FLOW, index.flow, id],
    ...index.states.map((state) => [BY_STATE, `${index.flow} ${state}`, id]),
  ];
  for (const thing of index.things ?? []) keys.push([BY_THING, thing, id]);
  if (index.due !== undefined) keys.push([DUE, partition, index.due, id]);
  if (index.parked) keys.push([PARKED, partition, id]);
  const short = keys.filter((key) => Buffer.byteLength(key.join(" ")) <= KEY_BYTES_MAX);
  return new Map(short.map((key) => [key.join(" "), key as unknown as Key]));
}

/** All keys of one kind and partition. */
function allOf(kind: number, partition: number): RangeOptions {
  return { start: [kind, partition] as never, end: [kind, partition + 1] as never };
}

function heldBy({ journal, input, until }: Meta): StoredPartition {
  return { journal, input: readPosition(input), ...(until !== undefined && { until }) };
}

function rangeOf(query: InstanceQuery): { start: Key[]; end: Key[] } {
  const ns = encodePart(query.ns);
  const from = query.cursor ?? "";
  if (query.thing !== undefined) {
    const name = `${ns}/${encodePart(query.thing)}`;
    return { start: [BY_THING, name, from], end: [BY_THING, `${name}\0`] };
  }
  if (query.flow === undefined) {
    // All flows of a namespace: their ids begin as their flows do, so this is the order of ids, too.
    const flow = from.split("/").slice(0, 2).join("/");
    const start = from === "" ? [BY_FLOW, `${ns}/`] : [BY_FLOW, flow, from];
    return { start, end: [BY_FLOW, `${ns}0`] };
  }
  const flow = `${ns}/${encodePart(query.flow)}`;
  if (query.state === undefined)
    return { start: [BY_FLOW, flow, from], end: [BY_FLOW, `${flow}\0`] };
  const name = `${flow} ${query.state}`;
  return { start: [BY_STATE, name, from], end: [BY_STATE, `${name}\0`] };
}

function writePosition({ stamps, ...position }: Position): Meta["input"] {
  return { ...position, stamps: [...stamps] };
}

function readPosition({ stamps, ...position }: Meta["input"]): Position {
  return { ...position, stamps: new Map(stamps) };
}
