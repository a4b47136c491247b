import { readFileSync, rmSync } from "node:fs";
import type { InputInHand } from "@millrace/engine/runtime/in-hand";
import type { InstanceId } from "@millrace/shared/contract/names";
import * as z from "zod";
import { hungOnFile } from "./hung-on.ts";

const shape = z.union([
  z.strictObject({ partition: z.int().nonnegative(), offset: z.int().nonnegative() }),
  z.strictObject({
    partition: z.int().nonnegative(),
    timer: z.string().transform((id) => id as InstanceId),
  }),
]);

/** Takes what the last process left, if it left anything: it counts once. */
export function takeHungOn(folder: string): InputInHand | undefined {
  const path = hungOnFile(folder);
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
