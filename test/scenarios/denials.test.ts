import type { Effect } from "@millrace/shared/contract/effect";
import { describe, expect, test } from "vitest";
import { DispatchedWorld } from "../support/dispatched-world.ts";

/** Effects that a policy denies: never carried out, never silent, and decided once. */

const siren = (handlers: string): string => `
flow: siren
inputs:
  alarm: { topic: alarm/+, thing: "\${topic[1]}" }
commands:
  wail: { topic: "siren/\${thing.name}/wail" }
  light: { topic: "siren/\${thing.name}/light" }
machine:
  initial: quiet
  context: { denied: [] }
  states:
    quiet:
      on:
        alarm:
          target: raised
          actions:
            - command: wail
            - command: light
            - publish: { topic: alarms }
            - send: { flow: log, key: all, type: alarm }
    raised: { on: { alarm: quiet, call_off: helpless${handlers} } }
    helpless: {}
`;

const handled = siren(
  [
    ', denied.wail: { target: helpless, actions: { assign: { denied: "context.denied + [event.by]" } } }',
    ", denied.publish: { actions: { assign: { denied: \"context.denied + ['publish']\" } } }",
    ", denied.send: { actions: { assign: { denied: \"context.denied + ['send']\" } } }",
  ].join(""),
);

const log = `
flow: log
machine:
  on: { alarm: { actions: { log: heard } } }
`;

async function open(flow: string) {
  const dispatched = await DispatchedWorld.open({ flows: [flow, log] });
  dispatched.devices.become("online");
  return {
    ...{ dispatched, world: dispatched.world, denials: dispatched.denials },
    alarm: async (): Promise<void> => {
      await dispatched.world.publish("alarm/a1", {});
      await dispatched.rest();
    },
    received: () => dispatched.devices.received.map(({ topic }) => topic),
    instance: () => dispatched.world.instance("siren/a1"),
  };
}

const verdicts = (effects: readonly Effect[]) =>
  effects.map(
    ({ kind, verdict }) => `${kind} ${verdict.allow ? "allowed" : "denied"} by ${verdict.by}`,
  );

const byPolicy = "iot:Publish topic/siren/*/wail";

describe("a command that is denied", () => {
  test("is an event of the same step where the flow handles it", async () => {
    const { alarm, denials, world, instance, received } = await open(handled);
    denials.deny("iot:Publish", "topic/siren/*/wail");
    await alarm();
    expect(world.history("siren/a1")).toEqual(["alarm: · > helpless"]);
    expect(instance()).toMatchObject({ context: { denied: [byPolicy] }, seq: 1 });
    expect(instance().owed).toBeUndefined();
    // What was allowed is carried out.
    expect(received()).toEqual(["siren/a1/light"]);
    expect(world.logs.published).toHaveLength(1);
    expect(world.steps("log/all")).toHaveLength(1);
  });

  test("stands in the step with its verdict where the flow does not, and nothing else happens", async () => {
    const { alarm, denials, world, instance, received } = await open(siren(""));
    denials.deny("iot:Publish", "topic/siren/*/wail");
    await alarm();
    const [step] = world.steps("siren/a1");
    expect(verdicts(step?.effects ?? [])).toEqual([
      `command denied by ${byPolicy}`,
      "command allowed by no-policies",
      "publish allowed by no-policies",
      "send allowed by no-policies",
    ]);
    expect(instance().state).toBe("raised");
    expect(received()).toEqual(["siren/a1/light"]);
    expect(world.rejections()).toEqual([]);
    await world.advance(60_000);
    expect(world.history("siren/a1")).toEqual(["alarm: · > raised"]);
  });

  test("stays denied when the policy is lifted and everything is read again", async () => {
    const { alarm, denials, dispatched, received } = await open(siren(""));
    denials.deny("iot:Publish", "topic/siren/*/wail");
    await alarm();
    denials.lift();
    await dispatched.crash();
    expect(received()).toEqual(["siren/a1/light", "siren/a1/light"]);
    await alarm(); // to quiet
    await alarm();
    expect(received().filter((topic) => topic.endsWith("wail"))).toHaveLength(1);
  });
});

test("a command that was allowed stays so when the policy changes while it waits", async () => {
  const { alarm, denials, dispatched, received } = await open(siren(""));
  dispatched.devices.become("offline");
  await alarm();
  denials.deny("iot:Publish", "topic/*");
  await dispatched.world.advance(5_000);
  await dispatched.crash();
  dispatched.devices.become("online");
  await dispatched.world.advance(1_000);
  expect(received().sort()).toEqual(["siren/a1/light", "siren/a1/wail"]);
});

describe("a publish and a send that are denied", () => {
  test("reach nobody, and are told by the name of their action", async () => {
    const { alarm, denials, world, instance, received } = await open(handled);
    denials.deny("millrace:Publish", "log/alarms");
    denials.deny("millrace:Send", "instance/log/*");
    await alarm();
    expect(instance()).toMatchObject({ state: "raised", context: { denied: ["publish", "send"] } });
    expect(world.logs.published).toEqual([]);
    expect(world.steps("log/all")).toEqual([]);
    expect(received()).toEqual(["siren/a1/wail", "siren/a1/light"]);
  });

  test("are not told where the flow does not ask", async () => {
    const { alarm, denials, world, instance } = await open(siren(""));
    denials.deny("millrace:Publish", "*");
    denials.deny("millrace:Send", "*");
    await alarm();
    expect(instance()).toMatchObject({ state: "raised", seq: 1 });
    expect(world.logs.published).toEqual([]);
    expect(world.steps("log/all")).toEqual([]);
    expect(world.rejections()).toEqual([]);
  });
});

describe("denials that answer denials", () => {
  const stubborn = `
flow: stubborn
inputs:
  go: { topic: go/+, thing: "\${topic[1]}" }
commands:
  wail: { topic: "siren/\${thing.name}/wail" }
machine:
  on:
    go: { actions: { command: wail } }
    denied.wail: { actions: { command: wail } }
`;

  test("end in a rejection, and the next event is taken", async () => {
    const dispatched = await DispatchedWorld.open({ flows: [stubborn] });
    const { world, denials, devices } = dispatched;
    devices.become("online");
    denials.deny("iot:Publish", "*");
    await world.publish("go/g1", {});
    expect(world.rejections()).toMatchObject([{ code: "microsteps", key: "g1" }]);
    denials.lift();
    await world.publish("go/g1", {});
    await dispatched.rest();
    expect(devices.received).toHaveLength(1);
    expect(world.history("stubborn/g1")).toHaveLength(1);
  });
});

describe("an invoke that is denied", () => {
  const checkin = (onError: string): string => `
flow: checkin
inputs:
  badge: { topic: badge/+, thing: "\${topic[1]}" }
machine:
  initial: idle
  states:
    idle: { on: { badge: asking, close: unknown } }
    asking:
      invoke: { src: call, id: lookup, input: { url: "https://people.example/\${event.badge}" }, onDone: known${onError} }
    known: {}
    unknown: { on: { badge: asking } }
`;

  async function badge(flow: string) {
    const dispatched = await DispatchedWorld.open({ flows: [flow] });
    dispatched.denials.deny("millrace:Call", "https://people.example/*");
    await dispatched.world.publish("badge/d1", { badge: 7 });
    await dispatched.rest();
    return dispatched;
  }

  test("is answered with an error in the same step, and no call is made", async () => {
    const onError =
      ", onError: { target: unknown, actions: { assign: { why: event.error.reason, by: event.error.message } } }";
    const { world, http } = await badge(checkin(onError));
    expect(world.history("checkin/d1")).toEqual(["badge: · > unknown"]);
    const { context, owed } = world.instance("checkin/d1");
    expect(context).toEqual({
      why: "denied",
      by: "denied by millrace:Call https://people.example/*",
    });
    expect(owed).toBeUndefined();
    expect(http.requests).toEqual([]);
  });

  test("ends the instance as failed where the flow has no `onError`", async () => {
    const { world, http } = await badge(checkin(""));
    expect(world.instance("checkin/d1")).toMatchObject({
      status: "failed",
      error: {
        reason: "denied",
        message: "denied by millrace:Call https://people.example/*",
        attempts: 0,
      },
    });
    expect(http.requests).toEqual([]);
    expect(world.rejections()).toEqual([]);
  });
});
