import { InHand, type InputInHand } from "@millrace/engine/runtime/in-hand";
import { leaveHungOn, withdrawHungOn } from "./hung-on.ts";

/** As short as it takes to fill a small heap; an input costs well under a millisecond as a rule. */
const LOOK_MS = 150;

/**
 * Leaves word of an input that is in hand for long, and takes it back when it is done with.
 *
 * A process that runs out of memory is ended by V8 at once: nobody can be asked then what it had in hand, and
 * that may be long before it counts as hung.
 */
export function watchLongInputs(memory: SharedArrayBuffer, folder: string): void {
  const inHand = new InHand(memory);
  let before: InputInHand | undefined;
  let isLeft = false;
  const looking = setInterval(() => {
    const now = inHand.get();
    const isSame = now !== undefined && before !== undefined && isSameInput(now, before);
    before = now;
    if (isSame === isLeft) return;
    isLeft = isSame;
    try {
      if (isSame) leaveHungOn(folder, now);
      else withdrawHungOn(folder);
    } catch {
      clearInterval(looking); // whoever hangs says that no word can be left
    }
  }, LOOK_MS);
}

function isSameInput(one: InputInHand, other: InputInHand): boolean {
  return (
    one.partition === other.partition && one.offset === other.offset && one.timer === other.timer
  );
}
