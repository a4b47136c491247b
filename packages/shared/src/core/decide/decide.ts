import type { Instance } from "../../contract/instance.ts";
import { unreachable } from "../../errors/assert.ts";
import type { Input } from "../input.ts";
import type { Decision } from "../decision.ts";
import type { World } from "../world.ts";
import { decideDeviceEvent } from "./device-event.ts";
import { decideMigrate } from "./migrate.ts";
import { decideOperator } from "./operator.ts";
import { decideParked } from "./parked.ts";
import { decideResult } from "./result.ts";
import { decideSignal } from "./signal.ts";
import { decideTimer } from "./timer.ts";

/**
 * What one input means to one instance. Pure and total: it knows no clock, no network and no store, and
 * an input that cannot be taken is a decision, too.
 *
 * @param instance undefined where the store and the journal know of none under this key
 */
export function decide(instance: Instance | undefined, input: Input, world: World): Decision {
  switch (input.kind) {
    case "device":
      return decideDeviceEvent(instance, input, world);
    case "signal":
      return decideSignal(instance, input, world);
    case "result":
      return decideResult(instance, input, world);
    case "parked":
      return decideParked(instance, input, world);
    case "operator":
      return input.action === "migrate"
        ? decideMigrate(instance, input, world)
        : decideOperator(instance, input, input.action, world);
    case "timer":
      return decideTimer(instance, input, world);
    default:
      return unreachable(input);
  }
}
