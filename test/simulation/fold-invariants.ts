import type { StoredFold } from "@millrace/shared/adapters/memory/state-server";
import { type Instance, isEnded } from "@millrace/shared/contract/instance";
import type { Topic } from "@millrace/shared/ports/event-log";
import type { StoredRejection } from "@millrace/shared/ports/state-store";
import { flowOf } from "./flows.ts";
import type { Report } from "./invariants.ts";
import { type JournalView, positionIn, type ViewedPosition } from "./journal-view.ts";
import type { World } from "./world.ts";

/** I3 and I4: what the journal is folded into, from its beginning and from a floor, and what may be cut. */

/** I3: the store is the fold of the journal up to its bookmark, position and stamps included (I4). */
export function I3_storeIsTheFold(world: World, partition: number, report: Report): void {
  const view = world.views[partition] as JournalView;
  const held = world.states.partition(partition);
  const { offset: below } = held.journal;
  I4_storeIsNotAhead(below, view, partition, report);
  for (const id of new Set([...held.instances.keys(), ...view.ids])) {
    const stored = held.instances.get(id as never)?.json;
    const folded = view.instance(id, below);
    if (stored === folded) continue;
    // A store that begins anew holds a part, and says so.
    if (stored === undefined && (held.until !== undefined || mayBeGone(view, id, world, below)))
      continue;
    report(
      "I3",
      `store/${partition} at ${below}: ${id} is\n  ${stored}\nand folds to\n  ${folded}`,
    );
  }
  I3_rejectionsAreListed(held, view, partition, report);
  const [stored, folded] = [told(held.input), told(view.position(below))];
  if (stored !== folded)
    report("I4", `store/${partition} at ${below}: input ${stored}, folds to ${folded}`);
}

/** I3: the store lists the rejections of the journal, but for old ones where it began anew at a floor. */
function I3_rejectionsAreListed(
  { journal, rejections }: StoredFold,
  view: JournalView,
  partition: number,
  report: Report,
): void {
  const ought = view.rejected.filter(({ offset }) => offset < journal.offset);
  const gone = ought.splice(0, ought.length - rejections.length).at(-1);
  if (gone !== undefined && gone.offset >= Math.max(-1, ...view.floors))
    report("I3", `store/${partition} at ${journal.offset} does not list rejection ${gone.offset}`);
  const folded = ought.map(({ body, offset, text: json, trace }) =>
    listed({ ...body, thing: body.cause.thing, offset, json, trace }),
  );
  for (const [i, stored] of rejections.map(listed).entries()) {
    if (stored !== folded[i])
      report("I3", `store/${partition} lists\n  ${stored}\nand ought to list\n  ${folded[i]}`);
  }
}

function listed(one: { readonly [K in keyof StoredRejection]?: unknown }): string {
  const { offset, at, ns, flow, key, thing, code, trace, json } = one;
  return JSON.stringify({ offset, at, ns, flow, key, thing, code, trace, json });
}

/** I4: the store is never ahead of the journal. */
function I4_storeIsNotAhead(
  held: number,
  view: JournalView,
  partition: number,
  report: Report,
): void {
  if (held > view.end)
    report("I4", `store/${partition} holds ${held}, the journal ends at ${view.end}`);
}

/** I3: a floor that is named is one: the fold from there is the fold of all, byte for byte. */
export function I3_floorIsABeginning(
  world: World,
  view: JournalView,
  floor: number,
  report: Report,
): void {
  const [said, was] = [told(positionIn(view.floorAt(floor))), told(view.position(floor + 1))];
  if (said !== was) report("I4", `the checkpoint ${floor} says ${said}, and the input was ${was}`);
  const fold = view.from(floor);
  for (const id of view.ids) {
    const [here, whole] = [fold.instance(id), view.instance(id)];
    if (here === whole || (here === undefined && mayBeGone(view, id, world))) continue;
    report("I3", `from the floor ${floor}, ${id} folds to\n  ${here}\nand ought to be\n  ${whole}`);
  }
  const [here, whole] = [told(fold.position()), told(view.position())];
  if (here !== whole) report("I4", `from the floor ${floor}, input folds to ${here}, not ${whole}`);
}

/** I3, I5: the log is cut at a floor that a record names, and not where a reader still is. */
export function I3_onlyWhatIsOldIsCut(
  world: World,
  { topic, partition, before }: { topic: Topic; partition: number; before: number },
  report: Report,
): void {
  const view = world.views[partition] as JournalView;
  if (topic === "events") {
    const floors = [...view.floors].map((floor) => view.floorAt(floor).offset);
    if (!floors.includes(before))
      report("I3", `events/${partition} is cut at ${before}, where no floor is`);
    return;
  }
  if (!view.floors.has(before))
    report("I3", `journal/${partition} is cut at ${before}, which no record names as the floor`);
  const dispatched = world.dispatchedTo[partition] ?? 0;
  if (before > dispatched)
    report("I5", `journal/${partition} is cut at ${before}, and dispatched to ${dispatched}`);
}

/** An instance that ended longer ago than it is kept, and owes nothing, goes with a pass. */
function mayBeGone(view: JournalView, id: string, world: World, below?: number): boolean {
  const text = view.instance(id, below);
  if (text === undefined || view.offsetOf(id, below) > view.checkpoint) return false;
  return isKeptNoLonger(JSON.parse(text) as Instance, world.scheduler.now);
}

/** @param now log time */
export function isKeptNoLonger(instance: Instance, now: number): boolean {
  if (!isEnded(instance) || Object.keys(instance.owed ?? {}).length > 0) return false;
  const { keepDoneMs = 0 } = flowOf.get(instance.version) ?? {};
  return instance.updatedAt + keepDoneMs <= now;
}

function told({ offset, time, stamps }: ViewedPosition): string {
  const writers = [...stamps].map(([w, { n, time: at }]) => `${w}:${n} at ${at}`).sort();
  return `${offset} at ${time} of ${writers.join()}`;
}
