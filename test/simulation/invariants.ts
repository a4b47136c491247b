import type { DeviceEvent } from "@millrace/shared/contract/event-record";
import { nextDue } from "@millrace/shared/contract/instance";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import { type Counting, type JournalView, nameOf } from "./journal-view.ts";
import { I1_poisonHasEndedItsOwners, I1_poisonousTimerIsGone } from "./poison-invariants.ts";
import type { Interest } from "./interest.ts";
import type { Expected, Reference } from "./reference.ts";
import { flowOf } from "./flows.ts";
import type { World } from "./world.ts";

/** A broken promise, with the invariant that it breaks. */
export type Report = (invariant: string, what: string) => void;

/** What one partition did, and what it ought to have done. */
export interface Course {
  readonly partition: number;
  readonly events: readonly LogRecord[];
  readonly view: JournalView;
  readonly reference: Reference;
}

/**
 * I1: every accepted record that selects a transition or fails stands in the journal as exactly one
 * counting step or rejection for each instance that hears of it, and in the log's order. The reference
 * goes along, so that each is what it ought to be, decided from what its predecessor left (I2).
 */
export function I1_everyRecordStandsOnce(world: World, course: Course, report: Report): void {
  const { partition, events, view, reference } = course;
  let open: Interest[] = [];
  let next = 0;
  const rejected = new Map<string, Counting>();
  const afterItsTimers = ({ name }: Interest): void => {
    const record = events[next - 1] as LogRecord;
    const due = name === undefined ? Number.POSITIVE_INFINITY : reference.due(name);
    if (due <= record.time)
      report("I6", `events/${partition} ${record.offset} was taken before ${name} at ${due}`);
  };
  const close = (): void => {
    for (const one of open) {
      if (one.deployed?.isSure === false) continue;
      afterItsTimers(one);
      const all = [...flowOf.keys()].flatMap((version) => reference.decide(one, version));
      if (all.every(({ kind }) => kind !== "ignored"))
        report(
          "I1",
          `events/${partition} ${next - 1} is not decided for ${one.name ?? "its fault"}`,
        );
    }
    open = [];
  };
  const begin = (): void => {
    close();
    const record = events[next] as LogRecord;
    next += 1;
    open = reference.take(record);
  };
  for (const record of view.counting) {
    const { kind, body, offset, pos } = record;
    if (kind === "mark" || kind === "checkpoint") {
      // It says only how far the input is.
      if (kind === "checkpoint") reference.checkpoint();
    } else if (kind === "rejected" && body.code === "poison") {
      I1_poisonHasEndedItsOwners(world, course, record, report);
      if (body.cause.offset === undefined) {
        I1_poisonousTimerIsGone(record, reference, report);
        reference.settle(nameOf(body as never), body.instance);
      } else {
        while (next <= body.cause.offset && next < events.length) begin();
        reference.unread(body.cause.offset);
        open = [];
      }
    } else if (kind === "refresh") {
      I3_refreshChangesNothing(record, reference, report);
    } else if (body.cause.offset === undefined) {
      const name = nameOf(body.instance);
      const due = reference.due(name);
      while ((events[next]?.time ?? Number.POSITIVE_INFINITY) < due) begin();
      // What is due by the time of an event that takes several turns may fire between them.
      if ((events[next - 1]?.time ?? 0) < due) close();
      compare(record, [reference.fire(name, body.at)], name, reference, report);
    } else {
      while (next <= body.cause.offset && next < events.length) begin();
      const name = kind === "step" ? nameOf(body.instance) : body.key && nameOf(body as never);
      const one =
        next - 1 === body.cause.offset ? open.find((each) => each.name === name) : undefined;
      const place = `${body.cause.offset} ${name} ${body.code}`;
      const before = kind === "rejected" ? rejected.get(place) : undefined;
      rejected.set(place, record);
      if (one === undefined) {
        // Of an event that takes several turns, the next owner takes what was rejected once more.
        if (before !== undefined && view.epochOf(before) < view.epochOf(record)) continue;
        report(
          "I1",
          `journal/${partition} ${offset}: ${name} decided events ${body.cause.offset} again`,
        );
        continue;
      }
      open.splice(open.indexOf(one), 1);
      afterItsTimers(one);
      const expected = reference.decide(one, versionOf(record), record.time);
      compare(record, expected, name, reference, report);
    }
    const passed = Math.min(pos?.offset ?? 0, events.length);
    for (let at = next; at < passed; at++) begin();
    if (pos !== undefined && next === pos.offset) close();
  }
  close();
}

/** I3: a refresh is the state of its instance, byte for byte. */
function I3_refreshChangesNothing(
  { offset, body: { instance } }: Counting,
  reference: Reference,
  report: Report,
): void {
  const ought = JSON.stringify(reference.instances.get(nameOf(instance)));
  const is = JSON.stringify(instance);
  if (is !== ought) report("I3", `journal ${offset} refreshes\n  ${is}\nwhich is\n  ${ought}`);
}

function versionOf({ body }: Counting): string | undefined {
  return (
    (body as Partial<Counting["body"]>).instance?.version ??
    [...flowOf.values()].find(({ name }) => name === body.flow)?.version
  );
}

function compare(
  { offset, kind, body, text }: Counting,
  expected: readonly Expected[],
  name: string | undefined,
  reference: Reference,
  report: Report,
): void {
  const isOne = expected.some(
    (one) => one.kind === kind && (kind === "step" ? one.text === text : one.code === body.code),
  );
  const ought = expected.map((one) => `${one.kind}\n  ${one.text ?? one.code}`).join("\nor ");
  if (!isOne) report("I2", `journal ${offset} of ${name} is\n  ${text}\nand ought to be ${ought}`);
  if (name === undefined) return;
  reference.settle(name, body.instance);
}

/** I1, at the doors: what was acknowledged stands in the log, as often as it was said; what was copied was taken. */
export function I1_nothingAcceptedIsLost(
  world: World,
  courses: readonly Course[],
  report: Report,
): void {
  const stamps = new Map<string, Set<string>>();
  for (const { partition, events, reference } of courses) {
    for (const { header = "{}", value } of events) {
      const { kind, at, w, n, redrive } = JSON.parse(header) as Partial<DeviceEvent>;
      const u = /"u":(\d+)/.exec(value?.toString() ?? "")?.[1];
      const isOriginal = kind === "device" && at === undefined && redrive === undefined;
      if (!isOriginal || u === undefined) continue;
      stamps.set(u, (stamps.get(u) ?? new Set()).add(`${w}:${n}`));
    }
    for (const stamp of reference.lost)
      report("I1", `events/${partition}: ${stamp} was dropped unread`);
    for (const { to, stamp } of reference.copies) {
      if (!courses[to]?.reference.taken.has(stamp))
        report("I1", `${stamp} was not copied to events/${to}`);
    }
  }
  for (const device of world.devices) {
    for (const [u, times] of device.published) {
      const stand = stamps.get(`${u}`)?.size ?? 0;
      if (stand > times) report("I1", `${u} was published ${times} times, and is ${stand} events`);
      if (stand === 0 && device.acknowledged.has(u))
        report("I1", `${u} was acknowledged, and is not in the log`);
    }
  }
}

/** I2: an instance's counting steps have sequence 1..n in each generation, with no gap and no fork. */
export function I2_sequencesAreWhole({ partition, view }: Course, report: Report): void {
  const last = new Map<string, { generation: number; seq: number; state: string }>();
  for (const { kind, body, offset } of view.counting) {
    if (kind !== "step") continue;
    const { instance, from } = body;
    const name = nameOf(instance);
    const before = last.get(name);
    const begins = before === undefined || before.generation !== instance.generation;
    const seq = begins ? 1 : before.seq + 1;
    const state = begins ? "null" : before.state;
    if (instance.seq !== seq)
      report("I2", `journal/${partition} ${offset}: ${name} has seq ${instance.seq}, not ${seq}`);
    if (JSON.stringify(from) !== state && !(begins && from === null))
      report(
        "I2",
        `journal/${partition} ${offset}: ${name} left ${JSON.stringify(from)}, was in ${state}`,
      );
    last.set(name, {
      generation: instance.generation,
      seq: instance.seq,
      state: JSON.stringify(instance.state),
    });
  }
  for (const gap of view.gaps)
    report("I2", `journal/${partition}: records are missing before ${gap}`);
}

/** I6: a timer fires once, not before it is due by the log's clock, nor before input that arrived earlier. */
export function I6_timersFireInTime({ partition, events, view }: Course, report: Report): void {
  const fired = new Set<string>();
  let latest = Number.NEGATIVE_INFINITY;
  let earliestFired = { due: Number.NEGATIVE_INFINITY, offset: -1 };
  for (const { kind, body, offset, time } of view.counting) {
    if (kind !== "step" && kind !== "rejected") continue;
    const { cause, at } = body;
    if (at < latest)
      report("I6", `journal/${partition} ${offset}: time runs back, ${at} after ${latest}`);
    latest = at;
    if (cause.offset !== undefined) {
      const arrived = events[cause.offset]?.time ?? 0;
      if (arrived < earliestFired.due)
        report(
          "I6",
          `journal/${partition} ${earliestFired.offset}: fired what was due ${earliestFired.due} before input of ${arrived}`,
        );
      continue;
    }
    if (cause.due === undefined) continue;
    const name = `${nameOf(body.instance)} ${body.instance.generation} ${cause.type} ${cause.due}`;
    if (fired.has(name)) report("I6", `journal/${partition} ${offset}: ${name} fired again`);
    fired.add(name);
    if (cause.due > at || cause.due > time)
      report("I6", `journal/${partition} ${offset}: ${name} fired at ${at}, in the log at ${time}`);
    if (cause.due > earliestFired.due) earliestFired = { due: cause.due, offset };
  }
}

/** I6, at the end: what was due has fired. */
export function I6_everyTimerFired(
  { partition, reference }: Course,
  now: number,
  report: Report,
): void {
  for (const [name, instance] of reference.instances) {
    const due = nextDue(instance);
    if (due !== undefined && due <= now)
      report("I6", `${partition}: ${name} still waits for ${due}`);
  }
}

/** I7: no partition stops. */
export function I7_noPartitionStops(world: World, report: Report): void {
  for (const line of world.stops) report("I7", line);
}

/** I8: with faults off, everything drains. */
export function I8_everythingDrained(world: World, report: Report): void {
  for (const what of world.undone()) report("I8", what);
}
