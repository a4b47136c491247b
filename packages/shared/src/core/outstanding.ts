import type { Instance, Owed } from "../contract/instance.ts";
import { type EffectId, effectId } from "../contract/names.ts";

/** The effects that an instance still owes, with their ids. */
export function outstanding(instance: Instance): { id: EffectId; owed: Owed }[] {
  return Object.entries(instance.owed ?? {}).map(([key, owed]) => {
    const [generation = 0, seq = 0, index = 0] = key.split("/").map(Number);
    return { id: effectId(instance, generation, seq, index), owed };
  });
}
