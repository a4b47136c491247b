import { expect, test } from "vitest";
import { type Outage, outage } from "../chaos/outage.ts";
import { expectNothingWrong, Stage, type StageOptions } from "../chaos/stage.ts";

/** Attacks: W4 of events-writer.ts. */

const AWAY_MS = 60_000;
/** What may wait for the log in a process (docs/architecture.md, section 6). */
const QUEUE_MIB = 64;
const QUEUE_BYTES = QUEUE_MIB * 2 ** 20;

/**
 * At a pace that engines keep up with. 24 devices may have 86 MB without a PUBACK, which takes them 54 s: a
 * gateway that does not hold back queues all of it.
 */
const options: StageOptions = {
  servers: { brokers: 1 },
  processes: { gateway: 1, engine: 1, dispatcher: 1 },
  devices: { count: 24, paceMs: 900, windowMax: 60, patienceMs: 600_000, ballastBytes: 60_000 },
  partitions: 8,
};

/** Of each socket that is read when the bound is met: a publish, and what came with it in one read. */
const READ_BYTES_MAX = 2 * 64 * 1_024;

function show(title: string, what: Outage): void {
  const { rss, queuedBytesMost, acknowledged, answered, caughtUp } = what;
  const rates = ({ before, away, after, later }: Outage["answered"]): string =>
    `${before}/s before, ${away}/s meanwhile, ${after}/s in the 10 s after, ${later}/s in the next 10 s`;
  console.log(
    [
      title,
      `  memory        ${rss.before} MiB before, ${rss.most} MiB at most, ${rss.after} MiB at the end`,
      `  queued        ${(queuedBytesMost / 2 ** 20).toFixed(1)} MiB at most`,
      `  acknowledged  ${rates(acknowledged)}`,
      `  answered      ${rates(answered)}`,
      `  caught up     acknowledged ${Math.round(caughtUp.acknowledgedMs)} ms after its return, ` +
        `answered ${Math.round(caughtUp.answeredMs)} ms after`,
    ].join("\n"),
  );
}

/** It goes on as before, at the latest 10 s after the server's return. */
function expectThroughputBack({ acknowledged, answered }: Outage): void {
  for (const { before, later } of [acknowledged, answered])
    expect(later).toBeGreaterThanOrEqual(0.9 * before);
}

test("Kafka is away for a minute: the gateway holds back, and nothing is lost", async () => {
  const stage = await Stage.open(options);
  const [broker] = stage.servers.brokers;
  const what = await outage(stage, {
    away: async () => broker?.kill(),
    back: async () => broker?.restart(),
    awayMs: AWAY_MS,
    watched: stage.processes.of("gateway"),
  });
  await stage.untilDecided();
  const findings = await stage.check();
  show("Kafka away for 60 s; memory of the gateway", what);
  expectNothingWrong(findings);
  expectThroughputBack(what);
  expect(what.queuedBytesMost).toBeGreaterThan(QUEUE_BYTES); // it was met
  expect(what.queuedBytesMost).toBeLessThan(QUEUE_BYTES + options.devices.count * READ_BYTES_MAX);
  expect(what.rss.most - what.rss.before).toBeLessThan(4 * QUEUE_MIB);
});

/** 36 of them at the end, with 500 MB in a minute: more than an engine keeps up with, and far more than it holds. */
const many = { paceMs: 250, late: 12 };
/** Input that waits to be decided, and copies that wait for the log; as much again twice for what is garbage. */
const ENGINE_MIB_MAX = 3 * (QUEUE_MIB + QUEUE_MIB);

test("Redis is away for a minute, and new devices come: the engine holds back, and nothing is lost", async () => {
  const stage = await Stage.open({ ...options, devices: { ...options.devices, ...many } });
  const { redis } = stage.servers;
  const what = await outage(stage, {
    away: () => redis.kill(),
    meanwhile: () => stage.begin(stage.devices.slice(-12)),
    back: () => redis.restart(),
    awayMs: AWAY_MS,
    watched: stage.processes.of("engine"),
  });
  await stage.untilDecided();
  const findings = await stage.check();
  show("Redis away for 60 s; memory of the engine", what);
  expectNothingWrong(findings);
  expectThroughputBack(what);
  expect(what.rss.most - what.rss.before).toBeLessThan(ENGINE_MIB_MAX);
});
