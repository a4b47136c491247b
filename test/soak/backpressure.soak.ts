import { expect, test } from "vitest";
import { type Outage, outage } from "../chaos/outage.ts";
import { expectNothingWrong, Stage, type StageOptions } from "../chaos/stage.ts";

const AWAY_MS = 60_000;
/** What may wait for the log in a process (docs/architecture.md, section 6). */
const QUEUE_MIB = 64;

/** 24 devices may have 86 MB without a PUBACK: more than a gateway holds. */
const options: StageOptions = {
  servers: { brokers: 1 },
  processes: { gateway: 1, engine: 1, dispatcher: 1 },
  devices: { count: 24, paceMs: 250, windowMax: 60, patienceMs: 600_000, ballastBytes: 60_000 },
  partitions: 8,
};

function show(title: string, { rss, acknowledged, answered, caughtUp }: Outage): void {
  const rates = ({ before, away, after }: Outage["answered"]): string =>
    `${before}/s before, ${away}/s meanwhile, ${after}/s in the 10 s after`;
  console.log(
    [
      title,
      `  memory        ${rss.before} MiB before, ${rss.most} MiB at most, ${rss.after} MiB at the end`,
      `  acknowledged  ${rates(acknowledged)}`,
      `  answered      ${rates(answered)}`,
      `  caught up     acknowledged ${Math.round(caughtUp.acknowledgedMs)} ms after its return, ` +
        `answered ${Math.round(caughtUp.answeredMs)} ms after`,
    ].join("\n"),
  );
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
  const findings = await stage.check();
  show("Kafka away for 60 s; memory of the gateway", what);
  expectNothingWrong(findings);
  expect(what.rss.most - what.rss.before).toBeLessThan(4 * QUEUE_MIB);
});

test("Redis is away for a minute, and new devices come: the engine holds back, and nothing is lost", async () => {
  const stage = await Stage.open({ ...options, devices: { ...options.devices, late: 12 } });
  const { redis } = stage.servers;
  const what = await outage(stage, {
    away: () => redis.kill(),
    meanwhile: () => stage.begin(stage.devices.slice(-12)),
    back: () => redis.restart(),
    awayMs: AWAY_MS,
    watched: stage.processes.of("engine"),
  });
  const findings = await stage.check();
  show("Redis away for 60 s; memory of the engine", what);
  expectNothingWrong(findings);
  expect(what.rss.most - what.rss.before).toBeLessThan(4 * QUEUE_MIB);
});
