import { isOperational } from "@millrace/shared/errors/operational";
import { systemClock } from "@millrace/shared/ports/clock";
import type {
  EventLog,
  LogRecord,
  NewRecord,
  Subscription,
  Topic,
} from "@millrace/shared/ports/event-log";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";

/**
 * Attacks: W1 of events-writer.ts; K1 of appender.ts; G1, G2, G3 and G4 of subscription.ts; T5 of
 * tenure.ts.
 *
 * Attacks: W1 of events-writer.ts; K1 of appender.ts; G1, G2, G3 and G4 of subscription.ts; T5 of
 * tenure.ts.
 */

/** A log's servers, and how to reach them as another process would. */
export interface LogUnderTest {
  open(): Promise<Opened>;
  stop(): Promise<void>;
  /** How long a member may take to learn of another's coming or going. */
  readonly rebalanceMs: number;
}

export interface Opened {
  readonly log: EventLog;
  close(): Promise<void>;
}

/** What every EventLog promises. An adapter is done when this passes against the real thing. */
export function eventLogSuite(name: string, start: () => Promise<LogUnderTest>): void {
  describe(`EventLog kept by ${name}`, () => {
    let under: LogUnderTest;
    let log: EventLog;
    let close: () => Promise<void>;

    beforeAll(async () => {
      under = await start();
      ({ log, close } = await under.open());
    });

    afterAll(async () => {
      await close?.();
      await under?.stop();
    });

    test("answers an append with the offset of its first record and the log's time", async () => {
      const before = Date.now();
      const first = await log.append("events", 0, [record("a"), record("b")]);
      const second = await log.append("events", 0, [record("c")]);
      expect(second.offset).toBe(first.offset + 2);
      expect(second.time).toBeGreaterThanOrEqual(first.time);
      expect(Math.abs(first.time - before)).toBeLessThan(10_000);
    });

    test("gives back what was appended, in order, with key, header and value as they came", async () => {
      const value = Buffer.from([0, 1, 0xfe, 0xff]);
      const { offset, time } = await log.append("events", 1, [
        { key: "default/ä b", header: '{"x":"ü"}', value },
        { key: null, header: "{}", value: null },
        { key: "k", header: "{}", value: Buffer.alloc(0) },
      ]);
      const found = await readAll(log, "events", 1, offset, offset + 3);
      expect(found.map((one) => one.offset)).toEqual([offset, offset + 1, offset + 2]);
      expect(found.map((one) => one.key)).toEqual(["default/ä b", null, "k"]);
      expect(found.map((one) => one.header)).toEqual(['{"x":"ü"}', "{}", "{}"]);
      expect(found[0]?.value?.equals(value)).toBe(true);
      expect(found[1]?.value).toBeNull();
      expect(found[2]?.value?.length).toBe(0);
      for (const one of found) expect(one.time).toBe(time);
    });

    test("reads any range, also from the middle of an append, and an empty one", async () => {
      const { offset } = await log.append("events", 2, letters("abcde"));
      await log.append("events", 2, letters("fgh"));
      expect(text(await readAll(log, "events", 2, offset + 3, offset + 7))).toBe("defg");
      expect(text(await readAll(log, "events", 2, offset + 4, offset + 5))).toBe("e");
      expect(await readAll(log, "events", 2, offset + 2, offset + 2)).toEqual([]);
    });

    test("reads several partitions at once", async () => {
      const places = await Promise.all(
        [0, 1, 2, 3].map(async (partition) => ({
          partition,
          from: (await log.append("journal", partition, letters(`p${partition}`))).offset,
        })),
      );
      const found = await Promise.all(
        places.map(({ partition, from }) => readAll(log, "journal", partition, from, from + 2)),
      );
      expect(found.map(text)).toEqual(["p0", "p1", "p2", "p3"]);
    });

    test("takes appends to many partitions at once, each in its own order", async () => {
      const rounds = 20;
      const writers = [0, 1, 2, 3].map(async (partition) => {
        const offsets: number[] = [];
        for (let i = 0; i < rounds; i++) {
          const { offset } = await log.append("journal", partition, letters(`${i % 10}`));
          offsets.push(offset);
        }
        return offsets;
      });
      for (const offsets of await Promise.all(writers)) {
        const [first = 0] = offsets;
        expect(offsets).toEqual(offsets.map((_, i) => first + i));
      }
    });

    test("says where a partition begins and ends", async () => {
      const { end } = await log.bounds("events", 3);
      const { offset } = await log.append("events", 3, letters("xy"));
      expect(offset).toBe(end);
      expect(await log.bounds("events", 3)).toEqual({ start: 0, end: end + 2 });
    });

    test("says where all partitions of a topic end", async () => {
      await log.append("events", 2, letters("xyz"));
      const partitions = Array.from({ length: log.partitions }, (_, partition) => partition);
      const bounds = await Promise.all(partitions.map((one) => log.bounds("events", one)));
      expect(await log.ends("events")).toEqual(bounds.map(({ end }) => end));
      expect(new Set(bounds.map(({ end }) => end)).size).toBeGreaterThan(1);
      expect(await log.ends("registry")).toHaveLength(1);
    });

    test("keeps an id and a count of partitions that another process finds, too", async () => {
      const other = await under.open();
      expect(other.log.id).toBe(log.id);
      expect(other.log.partitions).toBe(log.partitions);
      await other.close();
    });

    test("follows a partition from any offset, past what it held at first", async () => {
      const { offset } = await log.append("registry", 0, letters("ab"));
      const seen: LogRecord[] = [];
      const stop = await log.follow("registry", 0, offset, (records) => seen.push(...records));
      await until(() => seen.length === 2);
      await log.append("registry", 0, letters("cd"));
      await until(() => seen.length === 4);
      expect(text(seen)).toBe("abcd");
      await stop();
      await log.append("registry", 0, letters("e"));
      expect(seen.length).toBe(4);
    });

    test("gives a group's only member every partition, and records from where it seeks", async () => {
      const { offset } = await log.append("events", 0, letters("abc"));
      const member = await join(log, "events", "g1");
      await until(() => member.held.size === log.partitions);
      member.subscription.seek(0, offset + 1);
      await until(() => text(member.of(0)) === "bc");
      await log.append("events", 0, letters("d"));
      await until(() => text(member.of(0)) === "bcd");
      expect(member.of(0)[0]?.offset).toBe(offset + 1);
      await member.subscription.close();
    });

    test("delivers nothing of a partition before it is sought", async () => {
      const member = await join(log, "events", "g2");
      await until(() => member.held.size === log.partitions);
      await log.append("events", 0, letters("a"));
      await pause(300);
      expect(member.of(0)).toEqual([]);
      await member.subscription.close();
    });

    test("delivers nothing of a paused partition, and all of it once it is resumed", async () => {
      const member = await join(log, "events", "g3");
      await until(() => member.held.size === log.partitions);
      const { offset } = await log.append("events", 1, letters("a"));
      member.subscription.seek(1, offset);
      await until(() => text(member.of(1)) === "a");
      member.subscription.pause(1);
      await pause(200);
      await log.append("events", 1, letters("b"));
      await pause(300);
      expect(text(member.of(1))).toBe("a");
      member.subscription.resume(1);
      await until(() => text(member.of(1)) === "ab");
      await member.subscription.close();
    });

    test("seeks back, and delivers from there without a gap", async () => {
      const member = await join(log, "events", "g4");
      await until(() => member.held.size === log.partitions);
      const { offset } = await log.append("events", 2, letters("abc"));
      member.subscription.seek(2, offset);
      await until(() => text(member.of(2)) === "abc");
      member.subscription.seek(2, offset + 1);
      await until(() => text(member.of(2)) === "abcbc");
      await member.subscription.close();
    });

    test("shares partitions among members, and gives those of one that leaves to the others", async () => {
      const first = await join(log, "events", "g5");
      await until(() => first.held.size === log.partitions);
      const other = await under.open();
      const second = await join(other.log, "events", "g5");
      const shared = () => [...first.held, ...second.held].sort((a, b) => a - b);
      const all = Array.from({ length: log.partitions }, (_, i) => i);
      await until(() => second.held.size > 0 && shared().length === all.length, under.rebalanceMs);
      expect(shared()).toEqual(all);
      // Whoever stays keeps what it had: it is not told of what did not change.
      const kept = [...first.held];
      expect(first.log.filter((line) => kept.some((p) => line === `revoked ${p}`))).toEqual([]);
      await second.subscription.close();
      await until(() => first.held.size === log.partitions, under.rebalanceMs);
      await first.subscription.close();
      await other.close();
    });

    test("confirms a partition to its owner alone", async () => {
      const member = await join(log, "events", "g6");
      await until(() => member.held.size === log.partitions);
      expect(await member.subscription.confirm(0)).toBe(true);
      await member.subscription.close();
      expect(await member.subscription.confirm(0)).toBe(false);
    });

    test("knows that all has arrived when it has, and not before", async () => {
      const member = await join(log, "events", "g7");
      await until(() => member.held.size === log.partitions);
      expect(member.subscription.arrivedUntil(3)).toBe(Number.NEGATIVE_INFINITY);
      const { offset } = await log.append("events", 3, letters("a"));
      const appended = systemClock.monotonicMs();
      member.subscription.seek(3, offset);
      await until(() => member.subscription.arrivedUntil(3) >= appended);
      expect(text(member.of(3))).toBe("a");
      await member.subscription.close();
    });

    test("keeps a group's bookmarks with their notes", async () => {
      const member = await join(log, "journal", "g8");
      await until(() => member.held.size === log.partitions);
      expect(await log.bookmarked("journal", "g8", 0)).toBeUndefined();
      await member.subscription.bookmark(0, 7, "3/4");
      expect(await log.bookmarked("journal", "g8", 0)).toEqual({ offset: 7, note: "3/4" });
      await member.subscription.close();
      const next = await join(log, "journal", "g8");
      await until(() => next.held.size === log.partitions);
      expect(await log.bookmarked("journal", "g8", 0)).toEqual({ offset: 7, note: "3/4" });
      await next.subscription.close();
    });

    test("truncates: begins at the cut, and refuses to read below it", async () => {
      const { offset } = await log.append("journal", 3, letters("abcdef"));
      await log.truncate("journal", 3, offset + 4);
      expect((await log.bounds("journal", 3)).start).toBe(offset + 4);
      expect(text(await readAll(log, "journal", 3, offset + 4, offset + 6))).toBe("ef");
      const error = await readAll(log, "journal", 3, offset, offset + 6).catch((e: unknown) => e);
      expect(isOperational(error, "LOG-006")).toBe(true);
    });

    test("refuses a second append to a partition while one is under way", async () => {
      const first = log.append("events", 0, letters("a"));
      await expect(log.append("events", 0, letters("b"))).rejects.toThrow("one append under way");
      await first;
    });
  });
}

interface JoinedMember {
  readonly subscription: Subscription;
  readonly held: Set<number>;
  readonly log: string[];
  of(partition: number): LogRecord[];
}

async function join(log: EventLog, topic: Topic, group: string): Promise<JoinedMember> {
  const held = new Set<number>();
  const told: string[] = [];
  const records = new Map<number, LogRecord[]>();
  const subscription = await log.subscribe(topic, group, {
    assigned(partitions) {
      for (const partition of partitions) {
        held.add(partition);
        told.push(`assigned ${partition}`);
      }
    },
    revoked(partitions) {
      for (const partition of partitions) {
        held.delete(partition);
        told.push(`revoked ${partition}`);
      }
    },
    records(partition, batch) {
      records.set(partition, [...(records.get(partition) ?? []), ...batch]);
    },
    failed(error) {
      told.push(`failed ${String(error)}`);
    },
  });
  return { subscription, held, log: told, of: (partition) => records.get(partition) ?? [] };
}

async function readAll(
  log: EventLog,
  topic: Topic,
  partition: number,
  from: number,
  to: number,
): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for await (const batch of log.read(topic, partition, from, to)) found.push(...batch);
  return found;
}

function record(value: string): NewRecord {
  return { key: "default/k", header: "{}", value };
}

function letters(all: string): NewRecord[] {
  return all.split("").map(record);
}

function text(records: readonly LogRecord[]): string {
  return records.map(({ value }) => value?.toString() ?? "").join("");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
