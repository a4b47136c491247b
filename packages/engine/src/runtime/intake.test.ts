import { beforeEach, describe, expect, test } from "vitest";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import { Intake } from "./intake.ts";

const told: string[] = [];
beforeEach(() => {
  told.length = 0;
});

function intake(recordsMax: number, bytesMax: number): Intake {
  const subscription = {
    pause: (partition: number) => void told.push(`pause ${partition}`),
    resume: (partition: number) => void told.push(`resume ${partition}`),
  };
  return new Intake(7, 0, { recordsMax, bytesMax: () => bytesMax }, () => subscription);
}

function records(from: number, count: number, bytes: number): LogRecord[] {
  return Array.from({ length: count }, (_, at) => ({
    offset: from + at,
    time: 0,
    key: null,
    header: undefined,
    value: Buffer.alloc(bytes),
  }));
}

describe("what has arrived for a partition", () => {
  test("pauses it beyond its records, and resumes it at half of them", () => {
    const own = intake(10, 1_000_000);
    own.add(records(0, 10, 1));
    expect(told).toEqual([]);
    own.add(records(10, 1, 1));
    expect(told).toEqual(["pause 7"]);
    own.take(5);
    expect(told).toEqual(["pause 7"]);
    own.take(1);
    expect(told).toEqual(["pause 7", "resume 7"]);
  });

  test("pauses it beyond its bytes, though the records are few", () => {
    const own = intake(1_000, 100_000);
    own.add(records(0, 2, 60_000));
    expect(told).toEqual(["pause 7"]);
    own.take(1);
    expect(told).toEqual(["pause 7"]);
    own.take(1);
    expect(told).toEqual(["pause 7", "resume 7"]);
  });

  test("takes one record that is more than all that may wait", () => {
    const own = intake(1_000, 100);
    own.add(records(0, 1, 60_000));
    expect(own.peek(10)).toHaveLength(1);
    own.take(1);
    expect(told).toEqual(["pause 7", "resume 7"]);
  });
});
