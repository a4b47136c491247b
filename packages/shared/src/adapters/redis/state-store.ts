import type { Instance } from "../../contract/instance.ts";
import { encodePart, type InstanceId } from "../../contract/names.ts";
import type { Position } from "../../contract/position.ts";
import type { Bookmark } from "../../contract/reader.ts";
import { assert } from "../../errors/assert.ts";
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
  type StateStore,
  type StoredInstance,
  type StoredPartition,
  type StoredRejection,
} from "../../ports/state-store.ts";
import {
  newerClaim,
  otherLog,
  otherPosition,
  readBookmark,
  writeBookmark,
} from "../state-errors.ts";
import { isWanted, pageOfRejections, parseRejectionCursor, untilOf } from "../state-pages.ts";
import { packSteps, unpackSteps } from "./packed-steps.ts";
import type { Reply, ScriptedRedis } from "./scripts.ts";

/**
 * The store on Redis and Redis Cluster: all keys of a partition share a hash tag, so that one script
 * can be atomic about them. Nothing has a time to live, and nothing is read from a replica.
 */
export class RedisStateStore implements StateStore {
  readonly #redis: ScriptedRedis;
  readonly #prefix: string;
  readonly #partitions: number;
  /** Writers known to be in the store, by partition: to tell which are forgotten. */
  readonly #stamps = new Map<number, ReadonlySet<string>>();

  constructor(redis: ScriptedRedis, options: { prefix: string; partitions: number }) {
    this.#redis = redis;
    this.#prefix = options.prefix;
    this.#partitions = options.partitions;
  }

  #key(partition: number, name: string): string {
    return `${this.#prefix}:{${partition}}:${name}`;
  }

  async claim(partition: number, epoch: number, log: string): Promise<StoredPartition> {
    const keys = [this.#key(partition, "meta"), this.#key(partition, "stamps")];
    const [status, ...rest] = await this.#redis["millrace:claim"](...keys, epoch, log);
    if (status === "newer") throw newerClaim(partition, epoch, Number(rest[0]));
    if (status === "other") throw otherLog(log, rest[0] ?? "");
    const [journal, offset, time, ...stamps] = rest as string[];
    const input = positionOf(Number(offset), Number(time), stamps);
    this.#stamps.set(partition, new Set(input.stamps.keys()));
    return { journal: readBookmark(journal as string), input };
  }

  async load(
    partition: number,
    ids: readonly InstanceId[],
    at: Bookmark,
  ): Promise<ReadonlyMap<InstanceId, string>> {
    const keys = [this.#key(partition, "meta"), this.#key(partition, "instances")];
    const reply = await this.#redis["millrace:load"](...keys, writeBookmark(at), ...ids);
    this.#refused(reply, partition, at);
    const found = new Map<InstanceId, string>();
    for (const [i, id] of ids.entries()) {
      const value = reply[i + 1];
      if (typeof value === "string") found.set(id, jsonOf(value));
    }
    return found;
  }

  async commit(partition: number, epoch: number, change: PartitionChange): Promise<DuePage> {
    const keys = commitKeys.map((name) => this.#key(partition, name));
    const { from, to, input, due } = change;
    const known = this.#stamps.get(partition) ?? new Set<string>();
    const stamps = Array.from(input.stamps, ([w, { n, time }]) => [w, `${n}:${time}`]).flat();
    const forgotten = [...known].filter((writer) => !input.stamps.has(writer));
    const args = [epoch, from.offset, writeBookmark(to), to.offset, input.offset, input.time];
    args.push(due.after, due.by, DUE_PAGE_MAX, REJECTIONS_LISTED_MAX);
    const lists = [stamps, forgotten, ...instanceLists(change.instances), rejectionList(change)];
    for (const list of lists) {
      args.push(list.length);
      for (const item of list) args.push(item);
    }
    const reply = await this.#redis["millrace:commit"](...keys, ...args);
    if (reply[0] === "newer") throw newerClaim(partition, epoch, Number(reply[1]));
    this.#refused(reply, partition, from);
    this.#stamps.set(partition, new Set(input.stamps.keys()));
    return pageOf(reply, due);
  }

  async due(partition: number, range: DueRange, at: Bookmark): Promise<DuePage> {
    const keys = [this.#key(partition, "meta"), this.#key(partition, "due")];
    const args = [writeBookmark(at), range.after, range.by, DUE_PAGE_MAX];
    const reply = await this.#redis["millrace:due"](...keys, ...args);
    this.#refused(reply, partition, at);
    return pageOf(reply, range);
  }

  #refused([status, held]: Reply, partition: number, expected: Bookmark): void {
    if (status !== "at") return;
    const bookmark =
      held === "" || held === null || held === undefined ? undefined : readBookmark(held);
    throw otherPosition(partition, expected, bookmark);
  }

  // ---- look-ups

  async instance(partition: number, id: InstanceId): Promise<Instance | undefined> {
    const value = await this.#redis.hget(this.#key(partition, "instances"), id);
    return value === null ? undefined : (JSON.parse(jsonOf(value)) as Instance);
  }

  async history(partition: number, id: InstanceId): Promise<readonly number[]> {
    return unpackSteps((await this.#redis.hget(this.#key(partition, "steps"), id)) ?? "");
  }

  /**
   * Reads a page of ids from every partition, merges them in their order, and keeps what is wanted of
   * them; as many rounds as it takes to fill the page.
   */
  async instances(query: InstanceQuery): Promise<InstancePage> {
    const name = nameAsked(query);
    const items: Instance[] = [];
    let cursor = query.cursor ?? "";
    for (;;) {
      const { ids, end } = await this.#nextIds(name, cursor, query.limit + 1);
      const values = await this.#values(ids);
      for (const [i, { id }] of ids.entries()) {
        const value = values[i];
        if (value === null || value === undefined || !isWanted(id, indexOf(value), query)) continue;
        if (items.length === query.limit) return { items, next: lastId(items) };
        items.push(JSON.parse(jsonOf(value)) as Instance);
      }
      const last = ids.at(-1)?.id;
      if (end || last === undefined) return { items };
      cursor = last;
    }
  }

  /** The next ids under a name, in order, from all partitions; `end` when there are no more. */
  async #nextIds(
    name: string,
    after: string,
    count: number,
  ): Promise<{ ids: { id: InstanceId; partition: number }[]; end: boolean }> {
    const from = name.endsWith("/") ? lexAfterAny(name, after) : `(${name}\0${after}`;
    const to = name.endsWith("/") ? `(${name.slice(0, -1)}0` : `(${name}\x01`;
    const pages = await this.#everywhere((partition) =>
      this.#redis.zrangebylex(this.#key(partition, "names"), from, to, "LIMIT", 0, count),
    );
    // Beyond the last id of a page that is full, its partition may have ids that are not here yet.
    const bounds = pages
      .filter((page) => page.length === count)
      .map((page) => page.at(-1) as string);
    const bound = bounds.sort()[0];
    const ids = pages
      .flatMap((page, partition) => page.map((member) => ({ member, partition })))
      .filter(({ member }) => bound === undefined || member <= bound)
      .sort((a, b) => (a.member < b.member ? -1 : 1))
      .map(({ member, partition }) => ({ id: member.split("\0")[1] as InstanceId, partition }));
    return { ids, end: bound === undefined };
  }

  async #values(ids: readonly { id: InstanceId; partition: number }[]): Promise<(string | null)[]> {
    return await Promise.all(
      ids.map(({ id, partition }) => this.#redis.hget(this.#key(partition, "instances"), id)),
    );
  }

  async rejections(query: RejectionQuery): Promise<RejectionPage> {
    const until = parseRejectionCursor(query.cursor)?.at ?? "+inf";
    const pages = await this.#everywhere((partition) =>
      this.#rejectionsOf(partition, query, until),
    );
    return pageOfRejections(pages.flat(), query);
  }

  async #rejectionsOf(
    partition: number,
    query: RejectionQuery,
    until: number | string,
  ): Promise<PlacedRejection[]> {
    const byTime = this.#key(partition, "rejections-by-time");
    const found: PlacedRejection[] = [];
    // One more than a page, and one that the cursor may stand on.
    const wanted = query.limit + 2;
    for (let skip = 0; found.length < wanted; skip += wanted) {
      const offsets = await this.#redis.zrevrangebyscore(
        byTime,
        until,
        "-inf",
        "LIMIT",
        skip,
        wanted,
      );
      if (offsets.length === 0) break;
      const values = await this.#redis.hmget(this.#key(partition, "rejections"), ...offsets);
      for (const value of values) {
        const one = value === null ? undefined : (JSON.parse(value) as StoredRejection);
        if (one === undefined || one.ns !== query.ns) continue;
        if (query.flow === undefined || one.flow === query.flow) found.push({ ...one, partition });
      }
      if (offsets.length < wanted) break;
    }
    return found;
  }

  async parked(partition: number): Promise<readonly Instance[]> {
    const ids = (await this.#redis.smembers(this.#key(partition, "parked"))) as InstanceId[];
    const values = await this.#values(ids.map((id) => ({ id, partition })));
    return values.flatMap((value) =>
      value === null ? [] : [JSON.parse(jsonOf(value)) as Instance],
    );
  }

  async position(partition: number): Promise<StoredPartition | undefined> {
    const meta = this.#key(partition, "meta");
    const [journal, offset, time] = await this.#redis.hmget(meta, "journal", "input", "time");
    if (typeof journal !== "string") return undefined;
    const stamps = await this.#redis.hgetall(this.#key(partition, "stamps"));
    const input = positionOf(Number(offset), Number(time), Object.entries(stamps).flat());
    return { journal: readBookmark(journal), input };
  }

  #everywhere<T>(ask: (partition: number) => Promise<T>): Promise<T[]> {
    return Promise.all(Array.from({ length: this.#partitions }, (_, partition) => ask(partition)));
  }

  async close(): Promise<void> {}
}

const commitKeys = [
  "meta",
  "stamps",
  "instances",
  "steps",
  "due",
  "parked",
  "names",
  "rejections",
  "rejections-by-time",
] as const;

/** The lists of the commit script that are made of instances, in its order. */
function instanceLists(instances: readonly StoredInstance[]): (string | number)[][] {
  const [values, unknown, oldNames, newNames]: [string[], string[], string[], (string | number)[]] =
    [[], [], [], []];
  const [due, notDue, parked, notParked]: [(string | number)[], string[], string[], string[]] = [
    [],
    [],
    [],
    [],
  ];
  const steps: string[] = [];
  for (const { id, json, index, was, steps: offsets, begins } of instances) {
    const names = namesOf(index);
    values.push(id, `${names.join("\t")}\n${json}`);
    if (was === undefined) unknown.push(id);
    const had = was === undefined ? [] : namesOf(was);
    for (const name of had) if (!names.includes(name)) oldNames.push(`${name}\0${id}`);
    for (const name of names) if (!had.includes(name)) newNames.push(0, `${name}\0${id}`);
    if (index.due !== undefined) due.push(index.due, id);
    else if (was === undefined || was.due !== undefined) notDue.push(id);
    if (index.parked) parked.push(id);
    else if (was === undefined || was.parked) notParked.push(id);
    if (offsets.length > 0) steps.push(id, begins ? "1" : "0", packSteps(offsets));
  }
  return [values, unknown, oldNames, newNames, due, notDue, parked, notParked, steps];
}

function rejectionList({ rejections }: PartitionChange): (string | number)[] {
  return rejections.flatMap((one) => [one.offset, one.at, JSON.stringify(one)]);
}

/** What an instance is found by; `f` its flow, `s` an active state, `t` a thing of it, `x` its status. */
function namesOf({ flow, states, things = [], status }: InstanceIndex): string[] {
  const names = [`f ${flow}`, ...states.map((state) => `s ${flow} ${state}`)];
  for (const thing of things) names.push(`t ${thing}`);
  names.push(`x ${status}`);
  return names;
}

/** The index of a stored value, read back from its names. */
function indexOf(value: string): InstanceIndex {
  const names = value.slice(0, value.indexOf("\n")).split("\t");
  const flow = names[0]?.slice(2) ?? "";
  const states = names
    .filter((name) => name.startsWith("s "))
    .map((name) => name.slice(3 + flow.length));
  const things = names.filter((name) => name.startsWith("t ")).map((name) => name.slice(2));
  const status = (names.find((name) => name.startsWith("x "))?.slice(2) ??
    "running") as InstanceIndex["status"];
  return { flow, states, status, parked: false, things };
}

function jsonOf(value: string): string {
  const end = value.indexOf("\n");
  assert(end >= 0, "a stored instance begins with its names");
  return value.slice(end + 1);
}

/** The narrowest name that a query can be answered from; one that ends in `/` stands for all it begins. */
function nameAsked({ ns, flow, state, thing }: InstanceQuery): string {
  const space = encodePart(ns);
  if (thing !== undefined) return `t ${space}/${encodePart(thing)}`;
  if (flow === undefined) return `f ${space}/`;
  const name = `${space}/${encodePart(flow)}`;
  return state === undefined ? `f ${name}` : `s ${name} ${state}`;
}

/** Where a look-up over all flows of a namespace goes on: its members are in the order of ids. */
function lexAfterAny(name: string, after: string): string {
  if (after === "") return `(${name}`;
  return `(f ${after.split("/").slice(0, 2).join("/")}\0${after}`;
}

function lastId(items: readonly Instance[]): string {
  const last = items.at(-1) as Instance;
  return `${encodePart(last.ns)}/${encodePart(last.flow)}/${encodePart(last.key)}`;
}

function pageOf([, ...rest]: Reply, { by }: DueRange): DuePage {
  const due: { id: InstanceId; at: number }[] = [];
  for (let i = 0; i < rest.length; i += 2) {
    due.push({ id: rest[i] as InstanceId, at: Number(rest[i + 1]) });
  }
  return { until: due.length < DUE_PAGE_MAX ? by : untilOf(due, by), due };
}

function positionOf(offset: number, time: number, stamps: readonly string[]): Position {
  const entries = new Map<string, { n: number; time: number }>();
  for (let i = 0; i < stamps.length; i += 2) {
    const [n, at] = (stamps[i + 1] as string).split(":").map(Number);
    entries.set(stamps[i] as string, { n: n as number, time: at as number });
  }
  return { offset, time, stamps: entries };
}
