import type { Instance } from "../../contract/instance.ts";
import type { InstanceId } from "../../contract/names.ts";
import type { Bookmark } from "../../contract/reader.ts";
import { startBookmark } from "../../contract/reader.ts";
import type { EpochMs } from "../../contract/time.ts";
import {
  DUE_PAGE_MAX,
  type DuePage,
  type DueRange,
  type InstancePage,
  type InstanceQuery,
  type PartitionChange,
  type RejectionPage,
  type RejectionQuery,
  REJECTIONS_LISTED_MAX,
  type ScanPage,
  type StateStore,
  type StoredPartition,
} from "../../ports/state-store.ts";
import { isWanted, mergeSteps, pageOfRejections, untilOf } from "../state-pages.ts";
import { newerClaim, otherLog, otherPosition, writeBookmark } from "../state-errors.ts";
import type { MemoryStateServer, StoredFold } from "./state-server.ts";

/** The store of the test world; the other adapters keep the same promises. */
export class MemoryStateStore implements StateStore {
  readonly #server: MemoryStateServer;

  constructor(server: MemoryStateServer) {
    this.#server = server;
  }

  async claim(partition: number, epoch: number, log: string): Promise<StoredPartition> {
    await Promise.resolve();
    const fold = this.#server.partition(partition);
    if (fold.epoch > epoch) throw newerClaim(partition, epoch, fold.epoch);
    if (fold.log !== undefined && fold.log !== log) throw otherLog(log, fold.log);
    fold.epoch = epoch;
    fold.log = log;
    return heldBy(fold);
  }

  async restart(
    partition: number,
    epoch: number,
    { journal, input }: StoredPartition,
    until: number,
  ): Promise<void> {
    await Promise.resolve();
    const fold = this.#server.partition(partition);
    if (fold.epoch > epoch) throw newerClaim(partition, epoch, fold.epoch);
    Object.assign(fold, { journal, input, until, instances: new Map(), rejections: [] });
  }

  async load(
    partition: number,
    ids: readonly InstanceId[],
    at: Bookmark,
  ): Promise<ReadonlyMap<InstanceId, string>> {
    await Promise.resolve();
    const fold = this.#held(partition, at);
    const found = new Map<InstanceId, string>();
    for (const id of ids) {
      const row = fold.instances.get(id);
      if (row !== undefined) found.set(id, row.json);
    }
    return found;
  }

  async commit(partition: number, epoch: number, change: PartitionChange): Promise<DuePage> {
    await Promise.resolve();
    const fold = this.#server.partition(partition);
    const { from, to } = change;
    if (fold.epoch > epoch) throw newerClaim(partition, epoch, fold.epoch);
    const held = fold.journal.offset;
    if (held < from.offset || held > to.offset) throw otherPosition(partition, from, fold.journal);
    for (const stored of change.instances) {
      const { id, json, index } = stored;
      const steps = mergeSteps(fold.instances.get(id)?.steps ?? [], stored);
      fold.instances.set(id, { json, index, steps });
    }
    for (const id of change.dropped ?? []) fold.instances.delete(id);
    const known = new Set(fold.rejections.map((one) => one.offset));
    fold.rejections.push(...change.rejections.filter((one) => !known.has(one.offset)));
    fold.rejections = fold.rejections.slice(-REJECTIONS_LISTED_MAX);
    fold.journal = to;
    fold.input = change.input;
    if (fold.until !== undefined && to.offset >= fold.until) fold.until = undefined;
    return pageOf(fold, change.due);
  }

  async due(partition: number, range: DueRange, at: Bookmark): Promise<DuePage> {
    await Promise.resolve();
    return pageOf(this.#held(partition, at), range);
  }

  async scan(partition: number, at: Bookmark, cursor?: string): Promise<ScanPage> {
    await Promise.resolve();
    const all = [...this.#held(partition, at).instances].sort(([a], [b]) => (a < b ? -1 : 1));
    const rest = all.filter(([id]) => cursor === undefined || id > cursor);
    const page = rest.slice(0, this.#server.scanPageMax);
    const next = rest.length > page.length ? page.at(-1)?.[0] : undefined;
    const items = page.map(([id, { json }]) => ({ id, json }));
    return { items, ...(next !== undefined && { next }) };
  }

  async count(partition: number): Promise<number> {
    return this.#server.partition(partition).instances.size;
  }

  #held(partition: number, at: Bookmark): StoredFold {
    const fold = this.#server.partition(partition);
    if (writeBookmark(fold.journal) !== writeBookmark(at)) {
      throw otherPosition(partition, at, fold.journal);
    }
    return fold;
  }

  async instance(partition: number, id: InstanceId): Promise<Instance | undefined> {
    const row = this.#server.partition(partition).instances.get(id);
    return row === undefined ? undefined : (JSON.parse(row.json) as Instance);
  }

  async history(partition: number, id: InstanceId): Promise<readonly number[]> {
    return this.#server.partition(partition).instances.get(id)?.steps ?? [];
  }

  async instances(query: InstanceQuery): Promise<InstancePage> {
    const rows = this.#server
      .partitions()
      .flatMap((partition) => [...this.#server.partition(partition).instances])
      .filter(([id, row]) => isWanted(id, row.index, query))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const after = rows.filter(([id]) => query.cursor === undefined || id > query.cursor);
    const page = after.slice(0, query.limit);
    const items = page.map(([, row]) => JSON.parse(row.json) as Instance);
    const last = page.at(-1)?.[0];
    return after.length > page.length && last !== undefined ? { items, next: last } : { items };
  }

  async rejections(query: RejectionQuery): Promise<RejectionPage> {
    const all = this.#server
      .partitions()
      .flatMap((partition) =>
        this.#server.partition(partition).rejections.map((one) => ({ ...one, partition })),
      )
      .filter(
        (one) => one.ns === query.ns && (query.flow === undefined || one.flow === query.flow),
      );
    return pageOfRejections(all, query);
  }

  async parked(partition: number): Promise<readonly Instance[]> {
    return [...this.#server.partition(partition).instances.values()]
      .filter(({ index }) => index.parked)
      .map(({ json }) => JSON.parse(json) as Instance);
  }

  async position(partition: number): Promise<StoredPartition | undefined> {
    const fold = this.#server.partition(partition);
    return fold.journal.offset === startBookmark.offset ? undefined : heldBy(fold);
  }

  async close(): Promise<void> {}
}

function heldBy({ journal, input, until }: StoredFold): StoredPartition {
  return { journal, input, ...(until !== undefined && { until }) };
}

function pageOf(fold: StoredFold, { after, by }: DueRange): DuePage {
  const due: { id: InstanceId; at: EpochMs }[] = [];
  for (const [id, { index }] of fold.instances) {
    if (index.due !== undefined && index.due > after && index.due <= by)
      due.push({ id, at: index.due });
  }
  due.sort((a, b) => a.at - b.at);
  if (due.length <= DUE_PAGE_MAX) return { until: by, due };
  const page = due.slice(0, DUE_PAGE_MAX);
  return { until: untilOf(page, by), due: page };
}
