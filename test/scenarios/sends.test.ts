import { describe, expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";

/**
 * Effects on other instances, and on other readers of the log.
 *
 * Attacks: P2 of event-record.ts.
 */

const window = `
flow: window
inputs:
  opened: { topic: window/+/opened, thing: "\${topic[1]}" }
machine:
  on:
    opened:
      actions:
        - send: { flow: house, key: "\${event.house}", type: open, payload: { which: "\${thing.name}", n: "\${event.n}" } }
        - publish: { topic: windows, key: "\${event.house}", type: com.example.window, payload: { which: "\${thing.name}" } }
`;

const house = `
flow: house
start: [open]
inputs:
  rain: { topic: rain/+, thing: "\${topic[1]}" }
machine:
  initial: quiet
  context: { open: [] }
  states:
    quiet:
      on:
        open: { actions: { assign: { open: "context.open + [event.which + ' ' + string(event.n)]" } } }
        rain: { actions: { send: { flow: house, key: "\${thing.name}", type: close } } }
        close: shut
    shut: { type: final }
`;

const open = () => DispatchedWorld.open({ flows: [window, house] });

async function opens(dispatched: DispatchedWorld, which: string, n: number): Promise<void> {
  await dispatched.world.publish(`window/${which}/opened`, { house: "h1", n });
  await dispatched.rest();
}

describe("a send", () => {
  test("begins the other instance, and reaches it from then on", async () => {
    const dispatched = await open();
    await opens(dispatched, "w1", 1);
    await opens(dispatched, "w2", 2);
    const { world } = dispatched;
    expect(world.history("house/h1")).toEqual(["open: · > quiet", "open: quiet > quiet"]);
    expect(world.instance("house/h1").context).toEqual({ open: ["w1 1", "w2 2"] });
    const [first] = world.steps("house/h1");
    const [window1] = world.steps("window/w1");
    const effect = `default/window/w1/${window1?.instance.generation}/1/0`;
    expect(first?.cause).toMatchObject({ kind: "signal", type: "open", id: effect, effect });
    expect(dispatched.dispatcher.counters.sent).toBe(2);
  });

  test("is taken once, though a dispatcher that died sends it again", async () => {
    const dispatched = await open();
    await opens(dispatched, "w1", 1);
    await dispatched.crash();
    await dispatched.crash();
    expect(dispatched.dispatcher.counters.sent).toBe(1);
    expect(dispatched.world.instance("house/h1").context).toEqual({ open: ["w1 1"] });
    await opens(dispatched, "w1", 2);
    expect(dispatched.world.instance("house/h1").context).toEqual({ open: ["w1 1", "w1 2"] });
    expect(dispatched.world.rejections()).toEqual([]);
  });

  test("keeps its order with others from the same instance", async () => {
    const dispatched = await open();
    const ns = Array.from({ length: 20 }, (_, i) => i + 1);
    for (const n of ns) {
      await dispatched.world.publish("window/w1/opened", { house: "h1", n });
    }
    await dispatched.rest();
    const { context } = dispatched.world.instance("house/h1");
    expect(context).toEqual({ open: ns.map((n) => `w1 ${n}`) });
  });

  test("to itself is an event like any other; where it may not begin one it is rejected", async () => {
    const dispatched = await open();
    await opens(dispatched, "w1", 1);
    await dispatched.world.publish("rain/h1", {});
    await dispatched.rest();
    const { world } = dispatched;
    expect(world.history("house/h1").slice(1)).toEqual([
      "rain: quiet > quiet",
      "close: quiet > shut",
    ]);
    expect(world.instance("house/h1").status).toBe("done");
    await world.publish("rain/h1", {});
    await dispatched.rest();
    expect(world.rejections()).toMatchObject([{ code: "no-instance", flow: "house", key: "h1" }]);
    await opens(dispatched, "w2", 2);
    expect(world.instance("house/h1")).toMatchObject({ context: { open: ["w2 2"] }, seq: 1 });
  });
});

describe("a publish", () => {
  test("is a CloudEvent on a topic of the log, whose id is the effect's", async () => {
    const dispatched = await open();
    await opens(dispatched, "w1", 1);
    const [record, ...more] = dispatched.world.logs.published;
    expect(more).toEqual([]);
    expect(record).toEqual({
      topic: "windows",
      key: "h1",
      headers: {
        ce_specversion: "1.0",
        ce_id: "default/window/w1/0/1/1",
        ce_source: "millrace://default/window/w1",
        ce_type: "com.example.window",
        ce_time: "2026-01-01T00:00:00.000Z",
        "content-type": "application/json",
        ce_traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/) as string,
      },
      value: '{"which":"w1"}',
    });
    expect(dispatched.dispatcher.counters.published).toBe(1);
  });

  test("comes again after a crash, under the same id", async () => {
    const dispatched = await open();
    await opens(dispatched, "w1", 1);
    await dispatched.crash();
    const ids = dispatched.world.logs.published.map(({ headers }) => headers["ce_id"]);
    expect(ids).toEqual(["default/window/w1/0/1/1", "default/window/w1/0/1/1"]);
  });
});
