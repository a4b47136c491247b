import { fileURLToPath } from "node:url";
import type { HistoryPage } from "@millrace/gateway/api/operations";
import { describe, expect, test } from "vitest";
import { CountingDevice } from "../support/device.ts";
import {
  clusterInstallation,
  embeddedInstallation,
  followMillrace,
  type MillraceProcess,
  runMillrace,
  sharedProcess,
} from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { until } from "../support/until.ts";

/** What operators do, by the command line: pausing, resuming, cancelling, redriving; one, and many. */

const flows = fileURLToPath(new URL("flows/counting", import.meta.url));

interface Rejection {
  readonly id: string;
  readonly code: string;
  readonly key: string;
  readonly traceId?: string;
}

class Operator {
  readonly #millrace: MillraceProcess;

  constructor(millrace: MillraceProcess) {
    this.#millrace = millrace;
  }

  async #run(words: readonly string[]) {
    return await runMillrace(words, { env: { MILLRACE_URL: this.#millrace.http } });
  }

  async does(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#run(words);
    expect([code, stderr], words.join(" ")).toEqual([0, ""]);
    return stdout.trim();
  }

  async isRefused(...words: readonly string[]): Promise<readonly [number | null, string]> {
    const { code, stderr } = await this.#run(words);
    return [code, stderr];
  }

  async rejected(key: string): Promise<readonly Rejection[]> {
    return JSON.parse(await this.does("rejected", "list", "--key", key, "--json")) as Rejection[];
  }

  /** A device with one event taken. */
  async device(name: string): Promise<CountingDevice> {
    const device = new CountingDevice(name);
    await device.connect(this.#millrace.mqtt);
    await device.tick("first");
    await this.becomes(name, ["first"]);
    return device;
  }

  async events(name: string): Promise<unknown> {
    return (await this.#millrace.instance("counting", name))?.context["events"];
  }

  async becomes(name: string, events: readonly string[]): Promise<void> {
    await until(async () => JSON.stringify(await this.events(name)) === JSON.stringify(events));
  }

  async has(name: string, status: string): Promise<void> {
    await until(async () => (await this.#millrace.instance("counting", name))?.status === status);
  }

  history(name: string): Promise<HistoryPage> {
    return this.#millrace.history("counting", name);
  }
}

describe.each([
  ["embedded", () => embeddedInstallation(flows)],
  [
    "on Kafka and Redis",
    () => clusterInstallation(flows, { kafka: kafkaForTests(), redis: redisForTests() }),
  ],
] as const)("an operator, %s,", (_, open) => {
  const millrace = sharedProcess(open);

  test("pauses an instance, which takes nothing and no timer, and redrives what came meanwhile", async () => {
    const operator = new Operator(millrace());
    const device = await operator.device("p1");
    await operator.does("instance", "pause", "counting", "p1", "--reason", "a new sensor");
    await operator.has("p1", "paused");
    const paused = await millrace().instance("counting", "p1"); // before its timer of 400 ms, or after
    const traces = { second: "ab".repeat(16), third: "cd".repeat(16) };
    for (const [id, trace] of Object.entries(traces))
      await device.tick(id, `00-${trace}-00f067aa0ba902b7-00`);
    await until(async () => (await operator.rejected("p1")).length === 2);
    expect((await operator.rejected("p1")).map(({ code }) => code)).toEqual(["paused", "paused"]);
    const [last] = await operator.rejected("p1");
    expect(last?.traceId).toBe(traces.third);
    expect(await operator.does("rejected", "show", last?.id ?? "")).toContain(
      `trace      ${traces.third}`,
    );
    expect((await millrace().instance("counting", "p1"))?.seq).toBe(paused?.seq);
    await operator.does("instance", "resume", "counting", "p1");
    await until(async () => (await millrace().instance("counting", "p1"))?.state === "resting");
    expect(await operator.does("rejected", "redrive", "--key", "p1")).toBe(
      "this would redrive 2 rejected inputs; --yes does it",
    );
    expect(await operator.does("rejected", "redrive", "--key", "p1", "--yes")).toBe(
      "redriven 2 rejected inputs",
    );
    await until(async () => ((await operator.events("p1")) as string[]).length === 3);
    // Given again, it is taken once.
    const [again] = await operator.rejected("p1");
    await operator.does("rejected", "redrive", again?.id ?? "");
    await device.tick("last");
    await until(async () => ((await operator.events("p1")) as string[]).includes("last"));
    expect([...((await operator.events("p1")) as string[])].sort()).toEqual([
      "first",
      "last",
      "second",
      "third",
    ]);
    expect(await operator.isRefused("rejected", "redrive", "--all", "--max", "1", "--yes")).toEqual(
      [1, expect.stringMatching(/would redrive \d+ rejected inputs, and --max is 1/)],
    );
    expect(await operator.does("rejected", "redrive", "--all")).toMatch(
      /^this would redrive \d+ rejected inputs; --yes does it$/,
    );
    expect(await operator.does("rejected", "redrive", "--all", "--yes")).toMatch(
      /^redriven \d+ rejected inputs$/,
    );
    const { steps } = await operator.history("p1");
    const causes = steps.map(({ cause }) => [cause.kind, cause.type, cause.reason]);
    expect(causes).toContainEqual(["operator", "pause", "a new sensor"]);
    const given = steps.filter(({ cause }) => cause.kind === "redrive");
    const kept = given.map(({ cause, traceId }) => `${cause.id} ${traceId}`);
    expect(kept.toSorted()).toEqual([`second ${traces.second}`, `third ${traces.third}`]);
  });

  test("signals one, and many, counted first, as they are when they take it", async () => {
    const operator = new Operator(millrace());
    const device = await operator.device("s1");
    const resting = async () => (await millrace().instance("counting", "s1"))?.state === "resting";
    await until(resting);
    const signal = ["instance", "signal", "--thing", "s1", "--state", "resting"];
    const words = [...signal, "--type", "tick", "--payload", '{"id":"told"}'];
    expect(await operator.does(...words)).toBe("this would signal 1 instances; --yes does it");
    expect(await operator.does(...words, "--yes")).toBe("signalled 1 instances");
    await operator.becomes("s1", ["first", "told"]);
    await device.tick("last");
    await operator.becomes("s1", ["first", "told", "last"]);
    for (const [wrong, why] of [
      [["instance", "signal", "counting"], "name the event's type"],
      [["instance", "signal", "--type", "tick"], "name a flow, or one of --state"],
      [[...words, "--id", "once"], "--id is of an event for one instance"],
      [["instance", "signal", "counting", "s1", "tick", "--state", "busy"], "leave the key out"],
    ] as const)
      expect(await operator.isRefused(...wrong)).toEqual([2, expect.stringContaining(why)]);
  });

  test("cancels an instance; the next event begins another", async () => {
    const operator = new Operator(millrace());
    const device = await operator.device("c1");
    await operator.does("instance", "cancel", "counting", "c1");
    await operator.has("c1", "cancelled");
    expect((await millrace().instance("counting", "c1"))?.timers).toEqual([]);
    expect(await operator.isRefused("instance", "cancel", "counting", "nobody")).toEqual([
      1,
      expect.stringContaining("API-001"),
    ]);
    await device.tick("anew");
    await operator.becomes("c1", ["anew"]);
    await operator.has("c1", "running");
  });

  test("pauses many, counted first, and not more than was said", async () => {
    const operator = new Operator(millrace());
    const names = Array.from({ length: 12 }, (_one, i) => `many${i}`);
    await Promise.all(names.map((name) => operator.device(name)));
    const resting = async (): Promise<number> => {
      const { items } = await millrace().get<{ items: { key: string }[] }>(
        "/v1/instances?state=resting&status=running&limit=500",
      );
      return items.filter(({ key }) => key.startsWith("many")).length;
    };
    await until(async () => (await resting()) === 12);
    const pause = ["instance", "pause", "counting", "--state", "resting"];
    const words = await operator.does(...pause);
    const count = Number(/this would pause (\d+) instances; --yes does it/.exec(words)?.[1]);
    expect(count).toBeGreaterThanOrEqual(12);
    expect(await operator.isRefused(...pause, "--yes", "--max", "11")).toEqual([
      1,
      expect.stringContaining(`this would pause ${count} instances, and --max is 11`),
    ]);
    expect(await operator.does(...pause, "--yes")).toBe(`paused ${count} instances`);
    await Promise.all(names.map((name) => operator.has(name, "paused")));
    await operator.does("instance", "resume", "--status", "paused", "--yes");
    await Promise.all(names.map((name) => operator.has(name, "running")));
    const cancel = ["instance", "cancel", "counting", "--thing", "many3"];
    expect(await operator.does(...cancel)).toBe("this would cancel 1 instances; --yes does it");
    expect(await operator.does(...cancel, "--yes")).toBe("cancelled 1 instances");
    await operator.has("many3", "cancelled");
    await operator.has("many4", "running");
    expect(await operator.isRefused("instance", "resume")).toEqual([
      2,
      expect.stringContaining("name a flow"),
    ]);
  });
});

describe("the command line", () => {
  const millrace = sharedProcess(() => embeddedInstallation(flows));

  test("shows what happens, as it happens", async () => {
    const env = { MILLRACE_URL: millrace().http };
    const device = await new Operator(millrace()).device("t1");
    const people = followMillrace(["journal", "tail", "--key", "t1"], env);
    const programs = followMillrace(["journal", "tail", "--key", "t1", "--json"], env);
    // The first that each of them shows says that it has begun.
    let n = 0;
    await until(async () => {
      await device.tick(`tick ${n++}`);
      return people().length > 0 && programs().length > 0;
    });
    const shown = people().find((line) => line.includes("device tick"));
    expect(shown).toMatch(/counting\/t1 \d+ +device tick: \w+ → busy {2}\(command echo\)$/);
    const [first = "{}"] = programs();
    expect(JSON.parse(first)).toMatchObject({ kind: "step", flow: "counting", key: "t1" });
  });

  test("shows what a rejected input was, and every setting with its source", async () => {
    const operator = new Operator(millrace());
    const device = await operator.device("b1");
    await device.publish("count/b1/tick", "{no json");
    await until(async () =>
      (await operator.does("rejected", "list", "--code", "bad-payload")).includes("bad-payload"),
    );
    const list = await operator.does("rejected", "list", "--since", "1h", "--json");
    const [first] = JSON.parse(list) as Rejection[];
    const shown = await operator.does("rejected", "show", first?.id ?? "");
    expect(shown).toContain("topic      count/b1/tick");
    expect(shown).toContain(Buffer.from("{no json").toString("base64"));

    const env = { MILLRACE_HTTP_PORT: "8081", MILLRACE_TOKEN: "open-sesame-4711" };
    const { stdout } = await runMillrace(["config", "--host", "::1"], { env });
    expect(stdout).toMatch(/^MILLRACE_HTTP_PORT +8081 +environment$/m);
    expect(stdout).toMatch(/^MILLRACE_HOST +::1 +flag$/m);
    expect(stdout).toMatch(/^MILLRACE_MQTT_PORT +1883 +default$/m);
    expect(stdout).not.toContain("sesame");
  });
});
