import { parseEventHeader } from "@millrace/shared/contract/event-record";
import { expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";

const COMMANDS = 30;

const flow = `
flow: ledger
inputs:
  tick: { topic: "+/tick", thing: "\${topic[0]}" }
commands:
  echo: { topic: "\${thing.name}/echo", supersede: false }
machine:
  context: { n: 0 }
  on:
    tick: { actions: [{ assign: { n: context.n + 1 } }, { command: echo }] }
`;

/** Outcomes that were written, and requests to put a command aside. */
function written(world: DispatchedWorld["world"]): Readonly<Record<string, number>> {
  const kinds = world.logs
    .all("events", 0)
    .map(({ header }) => parseEventHeader(header))
    .map((header) => ("malformed" in header ? "malformed" : header.kind));
  return Object.fromEntries(
    ["parked", "result"].map((kind) => [kind, kinds.filter((one) => one === kind).length]),
  );
}

test("what ended before an engine that is behind has put it aside is told once for each command", async () => {
  const dispatched = await DispatchedWorld.open({ flows: [flow], partitions: 1 });
  const { world, devices } = dispatched;
  for (let n = 0; n < COMMANDS; n++) await world.publish("d1/tick", {});
  await world.advance(500);
  world.logs.faults = { append: (topic) => (topic === "journal" ? "lost" : "done") };
  await world.advance(1_000);
  expect(written(world)).toEqual({ parked: COMMANDS, result: 0 });
  devices.become("online");
  await world.advance(10_000);
  expect(devices.received).toHaveLength(COMMANDS);
  world.logs.faults = { append: () => "done" };
  await world.advance(60_000);
  expect(world.instance("ledger/d1").owed).toBeUndefined();
  expect(written(world)).toEqual({ parked: COMMANDS, result: 2 * COMMANDS });
});
