import type { Position, Stamp } from "../../contract/position.ts";
import { assert } from "../../errors/assert.ts";
import type { InstanceIndex, PartitionChange, StoredPartition } from "../../ports/state-store.ts";
import { readBookmark } from "../state-errors.ts";
import { packSteps } from "./packed-steps.ts";

/** How instances, positions and rejections are written in Redis, and as arguments of the scripts. */

/** The lists of the commit script that are made of instances, in its order. */
export function instanceLists({ instances, dropped = [] }: PartitionChange): (string | number)[][] {
  const [values, unknown, oldNames, newNames]: [string[], string[], string[], (string | number)[]] =
    [[], [], [], []];
  const [due, notDue, parked, notParked]: [(string | number)[], string[], string[], string[]] = [
    [],
    [],
    [],
    [],
  ];
  const steps: string[] = [];
  for (const { id, json, index, was, steps: offsets, begins } of instances) {
    const names = namesOf(index);
    values.push(id, `${names.join("\t")}\n${json}`);
    if (was === undefined) unknown.push(id);
    const had = was === undefined ? [] : namesOf(was);
    for (const name of had) if (!names.includes(name)) oldNames.push(`${name}\0${id}`);
    for (const name of names) if (!had.includes(name)) newNames.push(0, `${name}\0${id}`);
    if (index.due !== undefined) due.push(index.due, id);
    else if (was === undefined || was.due !== undefined) notDue.push(id);
    if (index.parked) parked.push(id);
    else if (was === undefined || was.parked) notParked.push(id);
    if (offsets.length > 0) steps.push(id, begins ? "1" : "0", packSteps(offsets));
  }
  return [values, unknown, [...dropped], oldNames, newNames, due, notDue, parked, notParked, steps];
}

export function rejectionList({ rejections }: PartitionChange): (string | number)[] {
  return rejections.flatMap((one) => [one.offset, one.at, JSON.stringify(one)]);
}

/** What an instance is found by; `f` its flow, `s` an active state, `t` a thing of it, `x` its status. */
function namesOf({ flow, states, things = [], status }: InstanceIndex): string[] {
  const names = [`f ${flow}`, ...states.map((state) => `s ${flow} ${state}`)];
  for (const thing of things) names.push(`t ${thing}`);
  names.push(`x ${status}`);
  return names;
}

/** The index of a stored value, read back from its names. */
export function indexOf(value: string): InstanceIndex {
  const names = value.slice(0, value.indexOf("\n")).split("\t");
  const flow = names[0]?.slice(2) ?? "";
  const states = names
    .filter((name) => name.startsWith("s "))
    .map((name) => name.slice(3 + flow.length));
  const things = names.filter((name) => name.startsWith("t ")).map((name) => name.slice(2));
  const status = (names.find((name) => name.startsWith("x "))?.slice(2) ??
    "running") as InstanceIndex["status"];
  return { flow, states, status, parked: false, things };
}

export function jsonOf(value: string): string {
  const end = value.indexOf("\n");
  assert(end >= 0, "a stored instance begins with its names");
  return value.slice(end + 1);
}

/** A position's stamps as the scripts take them: writer, "n:time", ... */
export function stampsOf({ stamps }: Position): string[] {
  return Array.from(stamps, ([writer, { n, time }]) => [writer, `${n}:${time}`]).flat();
}

interface HeldFields {
  readonly journal?: string | undefined;
  readonly offset?: string | undefined;
  readonly time?: string | undefined;
  readonly floor?: string | undefined;
  readonly until?: string | undefined;
}

/** What a partition's `meta` and `stamps` say. */
export function heldBy(fields: HeldFields, stamps: readonly string[]): StoredPartition {
  const { journal = "", offset, time, floor, until } = fields;
  const written = new Map<string, Stamp>();
  for (let i = 0; i < stamps.length; i += 2) {
    const [n, at] = (stamps[i + 1] as string).split(":").map(Number);
    written.set(stamps[i] as string, { n: n as number, time: at as number });
  }
  const input = {
    offset: Number(offset),
    time: Number(time),
    stamps: written,
    ...(isThere(floor) && { floor: Number(floor) }),
  };
  return { journal: readBookmark(journal), input, ...(isThere(until) && { until: Number(until) }) };
}

function isThere(field: string | undefined): boolean {
  return field !== undefined && field !== "";
}
