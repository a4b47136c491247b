import { Consumer, ListOffsetTimestamps } from "@platformatic/kafka";

/** A record as it stands in the log, read with a client that the product does not use. */
export interface RawRecord {
  readonly offset: number;
  readonly header: Header;
  readonly value: string;
}

/** What the one header of a record may have, as docs/architecture.md lists it. */
export interface Header {
  readonly kind?: string;
  readonly e?: number;
  readonly n?: number;
  readonly w?: string;
  /** Set on a copy. */
  readonly at?: number;
}

/** @returns all partitions of a topic, each from its start to its end now */
export async function readTopic(
  brokers: readonly string[],
  topic: string,
): Promise<readonly RawRecord[][]> {
  const consumer = new Consumer({
    clientId: "checker",
    groupId: `checker-${process.pid}-${Date.now()}`,
    bootstrapBrokers: [...brokers],
    maxBytesPerPartition: 4 * 1024 * 1024,
  });
  try {
    const { EARLIEST, LATEST } = ListOffsetTimestamps;
    const ask = async (timestamp: bigint): Promise<number[]> => {
      const offsets = await consumer.listOffsets({ topics: [topic], timestamp });
      return (offsets.get(topic) ?? []).map(Number);
    };
    const [starts, ends] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
    return await readUntil(consumer, topic, starts, ends);
  } finally {
    await consumer.close(true);
  }
}

async function readUntil(
  consumer: Consumer,
  topic: string,
  starts: readonly number[],
  ends: readonly number[],
): Promise<readonly RawRecord[][]> {
  const partitions: RawRecord[][] = ends.map(() => []);
  const isAllRead = (): boolean =>
    partitions.every(
      (records, p) => (records.at(-1)?.offset ?? (starts[p] ?? 0) - 1) + 1 >= (ends[p] ?? 0),
    );
  if (isAllRead()) return partitions;
  const offsets = starts.map((start, partition) => ({ topic, partition, offset: BigInt(start) }));
  const stream = await consumer.consume({
    topics: [topic],
    mode: "manual",
    offsets,
    maxWaitTime: 100,
  });
  for await (const { partition, offset, headers, value } of stream) {
    const header = [...headers].find(([name]) => String(name) === "millrace")?.[1];
    partitions[partition]?.push({
      offset: Number(offset),
      header: header === undefined ? {} : (JSON.parse(String(header)) as Header),
      value: String(value ?? ""),
    });
    if (isAllRead()) break;
  }
  return partitions;
}

export interface Counted {
  readonly counting: readonly RawRecord[];
  readonly voided: readonly RawRecord[];
  readonly claims: number;
  /** Offsets before which records are missing. */
  readonly gaps: readonly number[];
}

/**
 * The reader's rule of the journal: a record counts if its epoch is the offset of the last claim before
 * it and its `n` the next one; a higher `n` is a gap; all else is void.
 */
export function readJournal(records: readonly RawRecord[]): Counted {
  const counting: RawRecord[] = [];
  const voided: RawRecord[] = [];
  const gaps: number[] = [];
  let [claims, epoch, n] = [0, -1, 0];
  for (const record of records) {
    const { kind, e } = record.header;
    if (kind === "claim") {
      [epoch, n] = [record.offset, 0];
      claims += 1;
    } else if (e !== epoch || record.header.n === undefined || record.header.n <= n) {
      voided.push(record);
    } else {
      if (record.header.n > n + 1) gaps.push(record.offset);
      n = record.header.n;
      counting.push(record);
    }
  }
  return { counting, voided, claims, gaps };
}

/** The receiver's rule of `events`: what is not above its writer's highest `n` is a repeat. */
export function withoutRepeats(records: readonly RawRecord[]): readonly RawRecord[] {
  const highest = new Map<string, number>();
  return records.filter(({ header: { w = "", n = 0 } }) => {
    if (n <= (highest.get(w) ?? -1)) return false;
    highest.set(w, n);
    return true;
  });
}
