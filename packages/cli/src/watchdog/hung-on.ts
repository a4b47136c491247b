import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InputInHand } from "@millrace/engine/runtime/in-hand";
import type { InstanceId } from "@millrace/shared/contract/names";
import * as z from "zod";

/**
 * What a process hung on, for the next one on its folder: there is no second owner that could find out.
 * (Owners on Kafka are replaced by others, elsewhere; those have the journal.)
 */
const FILE = "hung-on.json";

const shape = z.union([
  z.strictObject({ partition: z.int().nonnegative(), offset: z.int().nonnegative() }),
  z.strictObject({
    partition: z.int().nonnegative(),
    timer: z.string().transform((id) => id as InstanceId),
  }),
]);

export function leaveHungOn(folder: string, input: InputInHand): void {
  writeFileSync(join(folder, FILE), JSON.stringify(input));
}

/** Takes what the last process left, if it left anything: it counts once. */
export function takeHungOn(folder: string): InputInHand | undefined {
  const path = join(folder, FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined; // as a rule there is none
  }
  rmSync(path);
  return shape.safeParse(jsonOf(text)).data;
}

/** @returns undefined for a file that was cut short */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
