import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import { hangingFlows } from "../support/hanging-flow.ts";
import {
  clusterInstallation,
  embeddedInstallation,
  type MillraceProcess,
} from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { until } from "../support/until.ts";

/**
 * A process whose event loop hangs ends itself, and the input that it hung on is found out.
 *
 * Attacks: D1 and D2 of watchdog.ts.
 */

const STALL_MS_MAX = 1_500;
/** Exit code of a process that hung. */
const HUNG = 4;

const env = { MILLRACE_STALL_MS_MAX: String(STALL_MS_MAX) };
const flows = hangingFlows();

interface Rejection {
  readonly code: string;
  readonly cause: { readonly offset: number };
}

async function rejections(millrace: MillraceProcess): Promise<readonly Rejection[]> {
  return (await millrace.get<{ items: Rejection[] }>("/v1/rejected")).items;
}

const lineOf = ({ log }: MillraceProcess, message: string) =>
  log.find(({ msg }) => msg === message);
const hangOf = (millrace: MillraceProcess) =>
  lineOf(millrace, "the event loop hangs; this process ends itself");

const ended = (millrace: MillraceProcess): Promise<void> =>
  until(() => millrace.exitCode !== undefined, 30_000);

async function say(millrace: MillraceProcess, things: readonly string[]): Promise<void> {
  const device = new CountingDevice("sensor");
  await device.connect(millrace.mqtt);
  for (const thing of things) await device.publish(`hang/${thing}/ok`, "{}");
  await device.close();
}

/** An event that its owner hangs on. Embedded, the process that would acknowledge it hangs, too. */
async function sayHang(millrace: MillraceProcess, thing: string): Promise<void> {
  const device = new CountingDevice("culprit");
  await device.connect(millrace.mqtt);
  await device.publish(`hang/${thing}/spin`, "{}").catch(() => {});
}

async function counts(millrace: MillraceProcess, things: readonly string[]): Promise<unknown[]> {
  const instances = things.map((thing) => millrace.instance("hanging", thing));
  return (await Promise.all(instances)).map((instance) => instance?.context["n"]);
}

const things = ["t1", "t2", "t3", "t4", "t5", "t6"];
const all = (n: number): number[] => things.map(() => n);

describe("a process that hangs on an input", () => {
  test("embedded, ends itself twice; the third one rejects the input, and all else goes on", async () => {
    const installation = embeddedInstallation(flows, env);
    const first = await installation.start();
    await say(first, things);
    await sayHang(first, "t3");
    await ended(first);
    expect(first.exitCode).toBe(HUNG);
    const hang = hangOf(first);
    expect(hang).toMatchObject({ level: 50, role: "start", code: "PROCESS-001" });
    expect(hang?.["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(hang?.["stalledMs"]).toBeGreaterThanOrEqual(STALL_MS_MAX);
    expect(String(hang?.["at"])).toContain("node_modules/xstate/");
    expect(hang?.["next"]).toContain("start it again");

    const second = installation.launch();
    await ended(second);
    expect(second.exitCode).toBe(HUNG);
    const [partition, offset] = [hang?.["partition"], hang?.["offset"]];
    expect(lineOf(second, "the last owner ended with an input in hand")).toMatchObject({
      partition,
      offset,
      times: 1,
    });
    expect(hangOf(second)).toMatchObject({ partition, offset });

    const third = await installation.start();
    await until(async () => (await rejections(third)).length > 0);
    expect(await rejections(third)).toMatchObject([{ code: "poison", cause: { offset } }]);
    await say(third, things);
    await until(async () => String(await counts(third, things)) === String(all(2)));
    expect(await third.stop()).toBe(0);
  }, 90_000);

  test("embedded, and runs out of memory long before it counts as hung: the third one rejects the input", async () => {
    const allocating = new URL("../support/allocating.mjs", import.meta.url).href;
    const small = { NODE_OPTIONS: `--max-old-space-size=256 --import ${allocating}` };
    const installation = embeddedInstallation(flows, small);
    const first = await installation.start();
    await say(first, things);
    const culprit = new CountingDevice("culprit");
    await culprit.connect(first.mqtt);
    const event = JSON.stringify({ allocate: "without end" });
    await culprit.publish("hang/t3/ok", event).catch(() => {});
    await ended(first);
    expect(first.output).toContain("JavaScript heap out of memory");
    expect(hangOf(first)).toBeUndefined();

    const second = installation.launch();
    await ended(second);
    expect(second.output).toContain("JavaScript heap out of memory");
    const inHand = lineOf(second, "the last owner ended with an input in hand");
    expect(inHand).toMatchObject({ times: 1 });

    const third = await installation.start();
    await until(async () => (await rejections(third)).length > 0);
    const offset = inHand?.["offset"] as number;
    expect(await rejections(third)).toMatchObject([{ code: "poison", cause: { offset } }]);
    await say(third, things);
    await until(async () => String(await counts(third, things)) === String(all(2)));
    expect(await third.stop()).toBe(0);
  }, 90_000);

  /** About 30 s: the group waits for the session of each one that hung. */
  test("on Kafka, leaves it to the other engine, until one rejects it", async () => {
    const servers = { kafka: kafkaForTests(), redis: redisForTests(), partitions: 2 };
    const installation = clusterInstallation(flows, servers, env);
    const gateway = await installation.start({ role: "gateway" });
    // Until its partition has had an owner, the store counts as being rebuilt.
    const rejected = (): Promise<readonly Rejection[]> => rejections(gateway).catch(() => []);
    await sayHang(gateway, "t3");
    const engines: MillraceProcess[] = [];
    // Two at a time: the second one takes over from the first, and only then both are started again.
    for (let round = 1; (await rejected()).length === 0; round++) {
      expect(round).toBeLessThanOrEqual(6);
      const pair = [1, 2].map(() => installation.launch({ role: "engine" }));
      engines.push(...pair);
      const gone = (): boolean => pair.every(({ exitCode }) => exitCode !== undefined);
      await until(async () => gone() || (await rejected()).length > 0, 60_000);
    }
    const [rejection, ...more] = await rejected();
    expect([rejection?.code, more]).toEqual(["poison", []]);
    const hung = engines.filter(({ exitCode }) => exitCode !== undefined);
    expect(hung.length).toBeGreaterThanOrEqual(3);
    expect(hung.map(({ exitCode }) => exitCode)).toEqual(hung.map(() => HUNG));
    expect(hung.map((one) => hangOf(one)?.["offset"])).toEqual(
      hung.map(() => rejection?.cause.offset),
    );
    await say(gateway, things);
    await until(async () => String(await counts(gateway, things)) === String(all(1)), 30_000);
    for (const engine of engines) if (!hung.includes(engine)) expect(await engine.stop()).toBe(0);
    await gateway.stop();
  }, 180_000);
});

describe("a process that does not hang, though its event loop stood still", () => {
  test("is not ended: it was stopped for longer, and continued", async () => {
    const millrace = await embeddedInstallation(flows, env).start();
    for (let round = 0; round < 2; round++) {
      millrace.signal("SIGSTOP");
      await sleep(2 * STALL_MS_MAX);
      millrace.signal("SIGCONT");
      await say(millrace, things);
    }
    await until(async () => String(await counts(millrace, things)) === String(all(2)));
    expect(await millrace.stop()).toBe(0);
    expect(hangOf(millrace)).toBeUndefined();
  }, 60_000);

  test("is not ended while a debugger listens", async () => {
    const debugged = { MILLRACE_STALL_MS_MAX: "1000", NODE_OPTIONS: "--inspect=127.0.0.1:0" };
    const millrace = await embeddedInstallation(hangingFlows(0), debugged).start();
    await sayHang(millrace, "t3");
    await until(async () => (await rejections(millrace)).length > 0, 40_000);
    expect((await rejections(millrace)).map(({ code }) => code)).toEqual(["microsteps"]);
    expect(await millrace.stop()).toBe(0);
  }, 90_000);
});
