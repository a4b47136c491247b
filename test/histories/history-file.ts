import { readFileSync, writeFileSync } from "node:fs";
import { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import type { LogRecord, Topic } from "@millrace/shared/ports/event-log";
import { SimClock } from "../support/sim-clock.ts";

/**
 * A log as a file of JSON lines: first how many partitions it has, then each record, with its header as
 * the text that it was, and its value as text, or where it is none, as base64.
 */
interface Line extends Omit<LogRecord, "value" | "header"> {
  readonly topic: Topic;
  readonly partition: number;
  readonly header: string | null;
  readonly value: string | { readonly base64: string } | null;
}

export function writeHistory(logs: MemoryLogServer, file: URL): void {
  const places: [Topic, number][] = [["registry", 0]];
  for (let partition = 0; partition < logs.partitions; partition++)
    places.push(["events", partition], ["journal", partition]);
  const lines = places.flatMap(([topic, partition]) =>
    logs.all(topic, partition).map((record) => lineOf(topic, partition, record)),
  );
  const all = [{ partitions: logs.partitions }, ...lines];
  writeFileSync(file, `${all.map((line) => JSON.stringify(line)).join("\n")}\n`);
}

function lineOf(topic: Topic, partition: number, record: LogRecord): Line {
  const { offset, time, key, header = null, value } = record;
  const text = value?.toString("utf8") ?? null;
  const isText = text === null || Buffer.from(text).equals(value ?? Buffer.alloc(0));
  const written = isText ? text : { base64: value?.toString("base64") ?? "" };
  return { topic, partition, offset, time, key, header, value: written };
}

export function readHistory(file: URL): MemoryLogServer {
  const [head = "{}", ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
  const { partitions } = JSON.parse(head) as { partitions: number };
  let time = 0;
  const clock = Object.assign(new SimClock(1), { wallMs: () => time });
  const logs = new MemoryLogServer({ clock, partitions });
  for (const text of lines) {
    const { topic, partition, offset, header, key, value, ...line } = JSON.parse(text) as Line;
    time = line.time;
    const bytes = value === null || typeof value === "string" ? value : Buffer.from(value.base64, "base64");
    const record = { key, header: header as string, value: bytes };
    const written = logs.write(topic, partition, [record]);
    if (written.offset !== offset || written.time !== time)
      throw new Error(`${file.pathname}: ${topic}/${partition} has no ${offset} at ${time} there`);
  }
  return logs;
}
