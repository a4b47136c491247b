import { type Counting, nameOf } from "./journal-view.ts";
import type { Instance } from "@millrace/shared/contract/instance";
import type { Reference } from "./reference.ts";
import type { Course, Report } from "./invariants.ts";
import type { World } from "./world.ts";

/** Processes that have to have it in hand, and come to no more, before it is rejected unread. */
const OWNERS_MIN = 2;

/**
 * I1: what is rejected unread was the last word of two owners, besides the one that rejects it. Of what is
 * no poison they did not end by poison: then both have ended, or lost the partition, by chance.
 */
export function I1_poisonHasEndedItsOwners(
  { bitten, claimants }: World,
  { view, events }: Course,
  rejected: Counting,
  report: Report,
): void {
  const { offset, body } = rejected;
  const said = events[body.cause.offset ?? -1]?.header ?? "";
  const isPoison = said.includes("/bite") || body.instance?.state === "sick";
  const timer = body.cause.offset === undefined ? nameOf(body as never) : undefined;
  const owners = new Set<string>();
  for (const [i, mark] of view.counting.entries()) {
    const { trying } = mark.body;
    if (mark.offset >= offset) break;
    if (mark.kind !== "mark" || trying === undefined) continue;
    if (trying.offset !== body.cause.offset || trying.timer !== timer) continue;
    const next = view.counting[i + 1];
    if (next !== undefined && view.epochOf(next) > view.epochOf(mark)) owners.add(trying.worker);
  }
  owners.delete(view.ownerOf(rejected));
  for (const owner of owners) {
    if (!isPoison && bitten.has(claimants.get(owner) ?? "")) owners.delete(owner);
  }
  if (owners.size < OWNERS_MIN)
    report("I1", `journal ${offset} rejects what ${owners.size} others had in hand as they ended`);
}

/** I1: a timer that is rejected unread is taken out of its instance, and nothing else. */
export function I1_poisonousTimerIsGone(
  { offset, body: { cause, instance } }: Counting,
  reference: Reference,
  report: Report,
): void {
  const { timers = [], owed = {}, ...rest } = reference.instances.get(nameOf(instance)) as Instance;
  const left = timers.filter(({ id, due }) => id !== cause.type || due !== cause.due);
  const { timers: leftNow = [], owed: owedNow = {}, ...now } = instance;
  const gone = timers.length - left.length + Object.keys(owed).length - Object.keys(owedNow).length;
  const isSame = JSON.stringify([rest, left]) === JSON.stringify([now, leftNow]);
  if (!isSame || gone !== 1) report("I1", `journal ${offset} takes more than a timer away`);
}
