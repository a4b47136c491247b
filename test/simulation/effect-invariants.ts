import type { CommandEffect, Effect } from "@millrace/shared/contract/effect";
import type { Signal } from "@millrace/shared/contract/event-record";
import { partitionOf } from "@millrace/shared/contract/partition";
import { owedKey } from "@millrace/shared/core/decide/result";
import type { Course, Report } from "./invariants.ts";
import { type Counting, type JournalView, nameOf } from "./journal-view.ts";
import { PARTITIONS, type World } from "./world.ts";

/** I5: what steps ask of the world is done, and its outcome taken once. */

/** I5: every effect of a counting step reaches its executor. */
export function I5_everyEffectIsExecuted(
  world: World,
  courses: readonly Course[],
  report: Report,
): void {
  for (const { view, partition } of courses) {
    for (const [id, { effect, step }] of view.effects) {
      const done = {
        command: () => isCommandDone(world, view, id, effect as CommandEffect, step),
        send: () => isSent(courses, sendStampOf(partition, step, effect)),
        publish: () => world.isPublished(id),
        call: () => isCallMade(world, view, id, step),
        log: () => true,
      }[effect.kind]();
      if (!done) report("I5", `${effect.kind} ${id} was not executed`);
    }
    I5_outcomesAreTakenOnce(view, report);
  }
}

/** I5: what stands in `events` as a send is one of a step that counts, word for word, and where it is to be read. */
export function I5_everySendIsAskedFor(courses: readonly Course[], report: Report): void {
  const asked = new Map<string, string>();
  for (const { view, partition } of courses) {
    for (const [id, { effect, step }] of view.effects) {
      if (effect.kind !== "send") continue;
      const { ns } = step.body.instance;
      const { flow, key, type, payload } = effect;
      const to = partitionOf(`${ns}/${key}`, PARTITIONS);
      const said = { to, id, ns, flow, key, type, value: JSON.stringify(payload) };
      asked.set(sendStampOf(partition, step, effect), JSON.stringify(said));
    }
  }
  for (const { events, partition: to } of courses) {
    for (const { header = "{}", value, offset } of events) {
      const { w, n, effect: id, ns, flow, key, type } = JSON.parse(header) as Partial<Signal>;
      if (w?.startsWith("journal/") !== true) continue;
      const is = JSON.stringify({ to, id, ns, flow, key, type, value: value?.toString() });
      const ought = asked.get(`${w}:${n}`) ?? "what no step that counts asks for";
      if (is !== ought)
        report(
          "I5",
          `events/${to} ${offset}, sent as ${w}:${n}, is\n  ${is}\nand ought to be\n  ${ought}`,
        );
    }
  }
}

/** I5: of the outcomes of an effect that a flow waits for one is taken, however often it was executed. */
function I5_outcomesAreTakenOnce(view: JournalView, report: Report): void {
  const taken = new Set<string>();
  for (const { kind, body, offset } of view.counting) {
    if (kind !== "step" || body.cause.kind !== "result" || body.cause.type === "parked") continue;
    const { effect = "" } = body.cause;
    const asked = view.effects.get(effect)?.effect as CommandEffect | undefined;
    if (asked?.owed !== true) continue;
    if (taken.has(effect)) report("I5", `journal ${offset}: ${effect} ends again`);
    taken.add(effect);
  }
}

/** A call is made, unless it came to nothing before, or its instance waited for it no more. */
function isCallMade(world: World, view: JournalView, id: string, { offset }: Counting): boolean {
  if (!isSettled(view, id)) return false;
  if (world.calls.has(id)) return true;
  const name = instanceOf(id);
  const end = view.counting.find(
    ({ offset: at, body: { instance } }) =>
      at >= offset &&
      instance !== undefined &&
      nameOf(instance) === name &&
      instance.owed?.[owedKey(id) ?? ""] === undefined,
  );
  const { cause } = (end as Counting).body;
  return cause.effect !== id || /^(error|xstate\.error)\./.test(cause.type);
}

function instanceOf(id: string): string {
  return id.split("/").slice(0, 3).join("/");
}

function isCommandDone(
  world: World,
  view: JournalView,
  id: string,
  effect: CommandEffect,
  step: Counting,
): boolean {
  if (world.receivedIds.has(id) || isCancelled(view, step)) return isSettled(view, id);
  const isPast = (effect.deadline ?? Number.POSITIVE_INFINITY) <= world.scheduler.now;
  // Of what is asked for when all is at rest, nothing stands in the way of a device that listens.
  if (isPast && step.time < world.restedAt) return isSettled(view, id);
  return effect.supersede && isSuperseded(view, effect, step) && isSettled(view, id);
}

function isSuperseded(
  view: JournalView,
  { name }: CommandEffect,
  { offset, body }: Counting,
): boolean {
  return [...view.effects.values()].some(
    ({ effect, step }) =>
      effect.kind === "command" &&
      effect.name === name &&
      step.offset > offset &&
      nameOf(step.body.instance) === nameOf(body.instance),
  );
}

/** An operator has ended the instance since: what was put aside of it is dropped. */
function isCancelled(view: JournalView, { offset, body }: Counting): boolean {
  return view.counting.some(
    (later) =>
      later.offset > offset &&
      later.kind === "step" &&
      later.body.cause.kind === "operator" &&
      later.body.cause.type === "cancel" &&
      nameOf(later.body.instance) === nameOf(body.instance),
  );
}

/** What is owed is owed no more. */
function isSettled(view: JournalView, id: string): boolean {
  const text = view.instance(instanceOf(id)) ?? "{}";
  const { owed = {} } = JSON.parse(text) as { owed?: Record<string, unknown> };
  return owed[owedKey(id) ?? ""] === undefined;
}

/** A `send` is stamped with its place in the journal. */
function sendStampOf(partition: number, step: Counting, { index }: Effect): string {
  return `journal/${partition}:${step.offset * 1_000 + index}`;
}

function isSent(courses: readonly Course[], stamp: string): boolean {
  return courses.some(({ reference }) => reference.taken.has(stamp));
}
