import type { FlowFile } from "./schema.ts";

/**
 * Says that an object is a flow, so that an editor and the compiler know its members. What a module
 * exports has to be data: a guard is an expression, not a function.
 */
export function defineFlow<const F extends FlowFile>(flow: F): F {
  return flow;
}
