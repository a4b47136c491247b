import type { Faults } from "../fault.ts";
import type { FlowFile } from "../schema.ts";
import type { Template } from "../template.ts";
import { filtersMeet } from "../topic.ts";

/**
 * Warns of inputs that fit one message and give it one key: the first by name takes it, and the others
 * do not hear of it.
 *
 * @param key the flow's; where it does not look at the thing, inputs for different things meet, too
 */
export function checkInputs(file: FlowFile, key: Template<string>, faults: Faults): void {
  const inputs = Object.entries(file.inputs ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [i, [name, input]] of inputs.entries()) {
    const taker = inputs
      .slice(0, i)
      .find(
        ([, other]) =>
          filtersMeet(other.topic, input.topic) &&
          other.role === input.role &&
          (other.thing === input.thing || !key.uses.has("thing")),
      );
    if (taker === undefined) continue;
    faults.warn(
      "overlapping-inputs",
      ["inputs", name, "topic"],
      `what fits \`${taker[0]}\`, too, is taken by it, the first by name`,
      ["inputs", taker[0], "topic"],
    );
  }
}
