import { type Floor, floorsOf } from "./floors.ts";
import type { Partition, Shared } from "./partition.ts";

/**
 * Cuts the journal at any place where it may be cut, or events anywhere where they may.
 *
 * @param floor the current one @param decided offset of the next input to decide
 */
export function cutSome(partition: Partition, shared: Shared, floor: Floor, decided: number): void {
  const { rules, random } = shared;
  const { journal, events } = partition;
  if (floor.offset < journal.start) return;
  if (random.chance(0.4)) {
    const { offset } = floor.checkpoint.position;
    const below = rules.eventsCutBelow === "the floor" ? offset : decided;
    return partition.cutEvents(events.start + random.below(below - events.start + 1));
  }
  const at = random.of(placesToCut(partition, shared, floor));
  if (at !== undefined) partition.cutJournal(at);
}

function placesToCut(partition: Partition, { rules }: Shared, floor: Floor): readonly number[] {
  const { journal, group } = partition;
  const { dispatched } = floor.checkpoint;
  const below = rules.cutBelowFloor ? dispatched : (group.bookmark ?? dispatched);
  const all = Array.from({ length: journal.end - journal.start }, (_, i) => journal.start + i);
  const checkpoints = all.filter((at) => journal.at(at)?.kind === "checkpoint");
  const floors = rules.cutBelowFloor ? floorsOf(floor, journal.start) : checkpoints;
  const places = rules.cutAtFloor ? floors : all.filter((at) => at <= floor.offset);
  return rules.cutBelowDispatched ? places.filter((at) => at <= below.offset) : places;
}
