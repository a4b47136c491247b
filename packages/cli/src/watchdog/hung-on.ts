import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InputInHand } from "@millrace/engine/runtime/in-hand";

/**
 * What a process hung on, for the next one on its folder: there is no second owner that could find out.
 * (Owners on Kafka are replaced by others, elsewhere; those have the journal.)
 */
export function hungOnFile(folder: string): string {
  return join(folder, "hung-on.json");
}

export function leaveHungOn(folder: string, input: InputInHand): void {
  writeFileSync(hungOnFile(folder), JSON.stringify(input, ["partition", "offset", "timer"]));
}

/** It did not hang: what was left is no word any more. */
export function withdrawHungOn(folder: string): void {
  rmSync(hungOnFile(folder), { force: true });
}
