import { deploy, planDisturbances, publishFlow } from "./disturbances.ts";
import { I5_everyEffectIsExecuted, I5_everySendIsAskedFor } from "./effect-invariants.ts";
import { versions } from "./flows.ts";
import { I3_storeIsTheFold } from "./fold-invariants.ts";
import {
  type Course,
  I1_everyRecordStandsOnce,
  I1_nothingAcceptedIsLost,
  I2_sequencesAreWhole,
  I6_everyTimerFired,
  I6_timersFireInTime,
  I7_noPartitionStops,
  I8_everythingDrained,
  type Report,
} from "./invariants.ts";
import { Reference } from "./reference.ts";
import { LASTS_MS, planWorkload, sayLastWords } from "./workload.ts";
import { PARTITIONS, World } from "./world.ts";

/** How long everything may take to come to rest once nothing goes wrong any more. */
const DRAIN_MS_MAX = 300_000;
const LOOK_MS = 1_000;

export interface Outcome {
  /** Broken invariants, the first one first. */
  readonly broken: readonly string[];
  readonly history: readonly string[];
}

/** Runs the world of one seed, first with its faults and then without, and holds it against the invariants. */
export async function simulate(seed: number, withHistory = false): Promise<Outcome> {
  const broken: string[] = [];
  const report: Report = (invariant, what) => {
    if (broken.length < 20) broken.push(`${invariant} ${what}`);
  };
  const history: string[] = [];
  const world = await livedThrough(seed, report, withHistory ? history : undefined);
  check(world, report);
  return { broken, history };
}

/** The world of one seed, when all is over. */
export async function livedThrough(
  seed: number,
  report: Report = () => {},
  history?: string[],
): Promise<World> {
  const world = new World(seed, report, history);
  await setUp(world);
  planWorkload(world);
  planDisturbances(world);
  await world.scheduler.run(world.scheduler.now + LASTS_MS);
  await drain(world);
  return world;
}

async function setUp(world: World): Promise<void> {
  for (const [first] of versions) if (first !== undefined) publishFlow(world, first);
  for (const name of ["p0", "p1", "p2"]) deploy(world, name);
  for (let i = 0; i < 2; i++) void world.startGateway();
  const together = world.scheduler.chance(0.5);
  for (let i = 0; i < 2; i++) {
    if (together) void world.startWorker({ engine: true, dispatcher: true });
    else {
      void world.startWorker({ engine: true, dispatcher: false });
      void world.startWorker({ engine: false, dispatcher: true });
    }
  }
  await world.scheduler.run(world.scheduler.now + 100);
  for (let i = 0; i < 3; i++) world.addDevice(`d${i}`);
}

/** Faults off, everybody awake and at home: everything that is owed has to be done. */
async function drain(world: World): Promise<void> {
  const { scheduler } = world;
  world.calm();
  world.note("world", () => "comes to rest");
  const end = scheduler.now + DRAIN_MS_MAX;
  for (const device of world.devices) device.comeBack();
  for (const { process } of [...world.gateways, ...world.workers]) process.wake();
  for (const process of world.rebuilding) process.wake();
  for (const lastWord of [true, false]) {
    do {
      world.operators.tidyUp();
      await scheduler.run(scheduler.now + LOOK_MS);
    } while (scheduler.now < end && (world.lateEffects > 0 || world.undone().length > 0));
    const undone = world.undone();
    if (undone.length > 0) world.note("world", () => `undone: ${undone.join(", ")}`);
    // Nothing is left to do, and everybody can still be heard.
    if (!lastWord) return;
    world.restedAt = scheduler.now;
    sayLastWords(world);
  }
}

function check(world: World, report: Report): void {
  const courses = world.views.map((view, partition): Course => {
    const reference = new Reference(partition, PARTITIONS, world.deployments);
    return {
      partition,
      view,
      events: world.logs.all("events", partition),
      reference,
    };
  });
  I7_noPartitionStops(world, report);
  I8_everythingDrained(world, report);
  for (const course of courses) {
    I2_sequencesAreWhole(course, report);
    I6_timersFireInTime(course, report);
    I1_everyRecordStandsOnce(world, course, report);
    I6_everyTimerFired(course, world.scheduler.now, report);
    I3_storeIsTheFold(world, course.partition, report);
  }
  I1_nothingAcceptedIsLost(world, courses, report);
  I5_everyEffectIsExecuted(world, courses, report);
  I5_everySendIsAskedFor(courses, report);
}
