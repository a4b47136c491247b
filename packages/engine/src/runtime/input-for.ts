import { type Instance, isEnded } from "@millrace/shared/contract/instance";
import type { Input } from "@millrace/shared/core/input";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Delivery } from "./deliveries.ts";
import type { Reading } from "./device-reading.ts";

/**
 * What a delivery says to an instance: of the versions that listen, as the one reads it that the instance
 * runs, or that a new one would run.
 *
 * @returns undefined where that version does not listen
 */
export function inputFor(
  instance: Instance | undefined,
  delivery: Delivery,
  catalogue: Pick<Catalogue, "current" | "version">,
): Input | undefined {
  if ("input" in delivery) return delivery.input;
  const { readings, to, things } = delivery;
  const version =
    instance !== undefined && !isEnded(instance)
      ? instance.version
      : catalogue.current(to.ns, to.flow)?.version;
  if (version === undefined) return undefined;
  const [first] = readings;
  let reading = readings.find((one) => one.flow.version === version);
  // The registry has no such version: let `decide` say so, rather than pass over it in silence.
  if (reading === undefined && first !== undefined && catalogue.version(version) === undefined)
    reading = unknownVersion(first, version);
  return reading && { ...reading, to, ...(things && { things }) };
}

function unknownVersion(reading: Reading, version: string): Reading {
  const detail = `flow version ${version} is not in the registry`;
  return { ...reading, misfit: { code: "unknown-version", detail } };
}
