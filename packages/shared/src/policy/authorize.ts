import type { Verdict } from "../contract/effect.ts";
import type { Json } from "../contract/json.ts";

/** Who asks: a device, a flow's execution role, a person or a program. */
export interface Principal {
  readonly kind: "device" | "flow" | "operator";
  readonly ns: string;
  /** The thing's, the flow's or the person's name. */
  readonly name: string;
}

/** May this principal do this to that, now? Pure: the answer depends on nothing but its arguments. */
export type Authorize = (
  principal: Principal,
  /** An AWS action name, `iot:Publish`. */
  action: string,
  /** What it is done to: a topic, a URL, an instance. */
  resource: string,
  /** Condition keys of the request. */
  context: Readonly<Record<string, Json>>,
) => Verdict;

const everything: Verdict = { allow: true, by: "no-policies" };

/** The rule while there are no policies. Every process says at start that it is in force. */
export const allowAll: Authorize = () => everything;
