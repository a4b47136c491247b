import { logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { verify } from "@millrace/engine/query/verify/verify";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { describe, expect, test } from "vitest";
import { settle } from "../support/sim-clock.ts";
import { simulate, type World } from "../support/world.ts";

const before = `
flow: lamp
inputs: { press: { topic: lamp/+/press, thing: "\${topic[1]}" } }
machine:
  initial: "off"
  context: { n: 0 }
  states:
    off: { on: { press: dim } }
    dim:
      on: { press: bright }
      after: { 60s: "off" }
    bright:
      entry: { raise: tired, delay: 5m }
      on: { press: "off", tired: dim }
      after: { 10m: "off" }
`;

async function started(...presses: readonly string[]): Promise<World> {
  const world = await simulate({ flows: [before], partitions: 1 });
  for (const lamp of presses) await world.publish(`lamp/${lamp}/press`, {});
  return world;
}

let made = 0;

async function migrate(world: World, key: string, payload: object, where: object = {}) {
  const { events } = world.process;
  made += 1;
  const header = { v: 1, kind: "operator", ns: "default", flow: "lamp", key, action: "migrate" };
  await events.write(partitionOf(logKey("default", key), 1), {
    key: logKey("default", key),
    header: JSON.stringify({ ...header, id: `o${made}`, where, ...events.stamp() }),
    value: JSON.stringify(payload),
  });
  await settle();
}

describe("an instance that is migrated", () => {
  test("goes on in the state of that name, with its context, under the other version", async () => {
    const world = await started("a");
    const from = world.instance("lamp/a").version;
    const to = await world.publishFlow(before.replace("context: { n: 0 }", "context: { n: 1 }"));
    await migrate(world, "a", { to, reason: "try" }, { version: from });
    const step = world.steps("lamp/a").at(-1);
    expect(step?.cause).toMatchObject({
      kind: "operator",
      type: "migrate",
      version: from,
      reason: "try",
    });
    expect(step?.instance).toMatchObject({ version: to, state: "dim", context: { n: 0 }, seq: 2 });
    await world.publish("lamp/a/press", {});
    expect(world.instance("lamp/a")).toMatchObject({ version: to, state: "bright" });
  });

  test("once: the same command again, or for another version than it has, changes nothing", async () => {
    const world = await started("a");
    const from = world.instance("lamp/a").version;
    const to = await world.publishFlow(before.replace("10m", "11m"));
    await migrate(world, "a", { to }, { version: from });
    await migrate(world, "a", { to: from }, { version: from });
    await migrate(world, "a", { to });
    expect(world.instance("lamp/a")).toMatchObject({ version: to, seq: 2 });
    await world.crashAndRecover();
    expect(world.instance("lamp/a")).toMatchObject({ version: to, seq: 2 });
    expect(world.rejections()).toEqual([]);
  });

  test("takes states as they are mapped, those within others too", async () => {
    const world = await started("a", "b", "b");
    const nested = before
      .replace("on: { press: dim }", "on: { press: on.low }")
      .replace("    dim:\n", "    on:\n     initial: low\n     states:\n      low:\n")
      .replace(
        '      on: { press: bright }\n      after: { 60s: "off" }',
        '        on: { press: high }\n        after: { 60s: "#lamp.off" }',
      )
      .replace("    bright:\n", "      high:\n")
      .replace("      entry:", "        entry:")
      .replace(
        '      on: { press: "off", tired: dim }',
        '        on: { press: "#lamp.off", tired: low }',
      )
      .replace('      after: { 10m: "off" }', '        after: { 10m: "#lamp.off" }');
    const to = await world.publishFlow(nested);
    const map = { dim: "on.low", bright: "on.high" };
    await migrate(world, "a", { to, map });
    await migrate(world, "b", { to, map });
    expect(world.instance("lamp/a").state).toEqual({ on: "low" });
    expect(world.instance("lamp/b").state).toEqual({ on: "high" });
    // The timers are those of the states as they are called now.
    await world.advance(60_000);
    expect(world.instance("lamp/a").state).toBe("off");
    await world.advance(240_000);
    expect(world.history("lamp/b").at(-1)).toBe('raise.2.0: {"on":"high"} > {"on":"low"}');
  });

  test("stays as it is where the version has no such state, and that is told", async () => {
    const world = await started("a");
    const to = await world.publishFlow(before.replaceAll("dim", "low"));
    const seq = world.instance("lamp/a").seq;
    await migrate(world, "a", { to });
    await migrate(world, "a", { to, map: { dim: "nowhere" } });
    expect(world.rejections().map(({ code, detail }) => `${code} ${detail.slice(33)}`)).toEqual([
      "unknown-state has no state `dim`, and it is not mapped to one",
      "unknown-state has no state `dim`, and it is not mapped to one",
    ]);
    await migrate(world, "a", { to: "0123" });
    expect(world.rejections().at(-1)?.code).toBe("unknown-version");
    await migrate(world, "a", { to, map: { dim: 3 } });
    expect(world.rejections().at(-1)?.code).toBe("malformed-record");
    expect(world.instance("lamp/a").seq).toBe(seq);
  });

  test("has the timers of the version: a new delay counts from when the state was entered", async () => {
    const world = await started("a");
    await world.advance(20_000);
    const to = await world.publishFlow(before.replace("60s", "90s"));
    await migrate(world, "a", { to });
    const { timers = [], startedAt } = world.instance("lamp/a");
    expect(timers).toEqual([
      { id: "xstate.after.90000.lamp.dim", due: startedAt + 90_000, seq: 2 },
    ]);
    await world.advance(70_000);
    expect(world.history("lamp/a").at(-1)).toBe("xstate.after.90000.lamp.dim: dim > off");
  });

  test("fires at once what would have come due by the new delay, and keeps its raised events", async () => {
    const world = await started("a", "a");
    await world.advance(120_000);
    const to = await world.publishFlow(before.replace("10m", "1m"));
    await migrate(world, "a", { to });
    await world.advance(1);
    expect(world.history("lamp/a").slice(-2)).toEqual([
      "migrate: bright > bright",
      "xstate.after.60000.lamp.bright: bright > off",
    ]);
    expect(world.instance("lamp/a").timers?.map(({ id }) => id)).toEqual([
      expect.stringMatching(/^raise\./),
    ]);
  });

  test("is decided again as it was", async () => {
    const world = await started("a", "b");
    await migrate(world, "a", { to: await world.publishFlow(before.replace("60s", "90s")) });
    await migrate(world, "b", { to: await world.publishFlow(before.replaceAll("off", "dark")) });
    await world.advance(100_000);
    const differences: unknown[] = [];
    const { steps } = await verify(new MemoryLog(world.logs), {
      range: { since: undefined, until: undefined },
      onDifference: (difference) => differences.push(difference),
    });
    expect([differences, steps]).toEqual([
      [],
      world.steps("lamp/a").length + world.steps("lamp/b").length,
    ]);
  });
});
