import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { addEngine, type Change, endEngine } from "../chaos/handover.ts";
import { latencies, showPauses } from "../chaos/report.ts";
import { expectNothingWrong, Stage } from "../chaos/stage.ts";
import { until } from "../support/until.ts";

const REPEATS = 20;

function show(title: string, changes: readonly Change[]): string {
  return [
    showPauses(
      `${title}: longest pause of each`,
      changes.map(({ pauses }) => Math.max(...pauses)),
    ),
    showPauses(
      `${title}: of each device`,
      changes.flatMap(({ pauses }) => pauses),
    ),
  ].join("\n");
}

/** Until code is compiled and caches are full; then for so long nothing changes hands. */
const [WARM_UP_MS, CALM_MS] = [15_000, 10_000];

test("partitions change hands: planned, after a kill, and to an engine that joins", async () => {
  const stage = await Stage.open({
    servers: { brokers: 3 },
    processes: { gateway: 1, engine: 2, dispatcher: 1 },
    devices: { count: 12, paceMs: 100, windowMax: 10 },
    partitions: 12,
  });
  await sleep(WARM_UP_MS);
  const from = performance.now();
  await sleep(CALM_MS);
  const quiet = stage.devices.map(({ events }) => ({
    events: events.filter(({ at }) => at >= from),
  }));
  const calm = showPauses("no change: of each event", latencies(quiet).command);
  const [planned, killed, joined]: Change[][] = [[], [], []];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const place = stage.processes.of("engine")[repeat % 2];
      if (place === undefined) throw new Error("there are two engines");
      (signal === "SIGTERM" ? planned : killed)?.push(await endEngine(stage, place, signal));
      joined?.push(await addEngine(stage, place));
      console.log(`${repeat + 1} of ${REPEATS}, ${signal}`);
      await sleep(1_000);
    }
  }
  const findings = await stage.check();
  console.log(
    [
      calm,
      show("planned hand-over", planned ?? []),
      showPauses(
        "planned hand-over: until the engine was gone",
        (planned ?? []).map((one) => one.endedInMs),
      ),
      show("take-over after kill -9", killed ?? []),
      show("an engine joins", joined ?? []),
    ].join("\n"),
  );
  expectNothingWrong(findings);
});

/** Of one engine; the other has as many. */
const IN_FLIGHT = 1_000;
/** How long it has worked on them when it is told to stop. */
const DRAINS_AFTER_MS = [5, 20, 50, 100, 200];
const DRAIN_MS_MAX = 5_000;

test(`SIGTERM with ${IN_FLIGHT} events in flight: nothing is done again`, async () => {
  const stage = await Stage.open({
    servers: { brokers: 3 },
    processes: { gateway: 1, engine: 2, dispatcher: 1 },
    devices: { count: 40, paceMs: 400, windowMax: 10 },
    partitions: 12,
  });
  const { devices } = stage;
  const unanswered = (): number =>
    devices.reduce((sum, { events, answered }) => sum + events.length - answered, 0);
  const ended: number[] = [];
  const inFlight: number[] = [];
  for (const [drain, afterMs] of DRAINS_AFTER_MS.entries()) {
    const place = stage.processes.of("engine")[drain % 2];
    if (place === undefined) throw new Error("there are two engines");
    for (const device of devices) device.rest();
    await until(() => unanswered() === 0);
    place.process.signal("SIGSTOP");
    for (const device of devices) device.burst((2 * IN_FLIGHT) / devices.length);
    await until(() => devices.every((device) => device.acknowledged === device.events.length));
    await unchanged(unanswered); // the other engine has done its part
    for (const device of devices) device.goOn(); // what tells that all go on
    place.process.signal("SIGCONT");
    await sleep(afterMs);
    inFlight.push(unanswered());
    const { endedInMs } = await endEngine(stage, place, "SIGTERM");
    ended.push(endedInMs);
    await addEngine(stage, place);
  }
  const findings = await stage.check();
  console.log(showPauses(`drain of ${IN_FLIGHT} events: until the engine was gone`, ended));
  console.log(`in flight when it was told to stop: ${inFlight.join(", ")}`);
  console.log(
    `void records ${findings.counts.void}, commands again ${findings.counts.redelivered}`,
  );
  expectNothingWrong(findings);
  expect(findings.counts).toMatchObject({ void: 0, redelivered: 0 });
  expect(Math.max(...ended)).toBeLessThan(DRAIN_MS_MAX);
  expect(Math.min(...inFlight)).toBeGreaterThan(0);
  expect(Math.max(...inFlight)).toBeGreaterThan(IN_FLIGHT / 2);
});

/** Resolves when a number has been the same for a while. */
async function unchanged(number: () => number): Promise<void> {
  for (let before = -1; number() !== before; await sleep(300)) before = number();
}
