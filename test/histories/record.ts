/**
 * npm run histories
 *
 * Records the journals of this folder anew: as this version decides. See README.md for when to do that.
 */
import { readFileSync, readdirSync } from "node:fs";
import * as fc from "fast-check";
import type { Bindings } from "@millrace/shared/contract/instance";
import type { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import type { JsonObject } from "@millrace/shared/contract/json";
import { loadFile } from "@millrace/shared/flow/load";
import { hostileBytes, hostileJson, hostileText } from "../hostile/draws.ts";
import { livedThrough } from "../simulation/simulation.ts";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import { writeHistory } from "./history-file.ts";

const examples = new URL("../../examples/", import.meta.url);

/** Evenings in some houses, with devices that are away, broken payloads, a crash, and a flow that changes. */
async function recordExamples(): Promise<MemoryLogServer> {
  const texts = readdirSync(examples)
    .toSorted()
    .map((name) => readFileSync(new URL(name, examples), "utf8"));
  const files = texts.map((text) => loadFile(text, "example.yaml"));
  const flows = files.flatMap((file) => file.flows);
  const dispatched = await DispatchedWorld.open({ flows: [], partitions: 4, seed: 11 });
  const { world, devices } = dispatched;
  for (const flow of flows) await world.publishLoaded(flow);
  for (const { name, flow, things } of files.flatMap((file) => file.deployments))
    await world.deploy({ name, flow, things: things as Bindings });
  devices.become("online");
  const chance = (): number => world.clock.random();
  const pick = <T>(from: readonly T[]): T => from[Math.floor(chance() * from.length)] as T;
  const inputs = flows.flatMap(({ file }) => Object.values(file.inputs ?? {}));
  const things = ["hall", "stairs-sensor", "cellar"];
  for (let n = 0; n < 260; n++) {
    const { topic, schema } = pick(inputs);
    const payload = payloadOf((schema ?? {}) as Shape, chance);
    const broken = chance() < 0.05;
    await world.publish(topic.replace("+", pick(things)), broken ? Buffer.from("{no") : payload);
    if (chance() < 0.5) await world.advance(Math.floor(chance() ** 3 * 400_000));
    if (chance() < 0.08) devices.become(pick(["online", "offline", "refuses 135"]));
    if (chance() < 0.05) {
      const type = pick(["clear", "reset", "hello"]);
      await world.signal(`${pick(flows).name}/${pick(things)}`, type, {}, `s${n}`);
    }
    if (n === 110) {
      await dispatched.crash();
      const changed = texts.find((text) => text.includes("flow: motion-light\n")) ?? "";
      await world.publishFlow(changed.replace("event.lux < 40", "event.lux < 60"));
    }
  }
  await world.advance(3_600_000);
  await dispatched.rest();
  return world.logs;
}

interface Shape {
  readonly examples?: readonly JsonObject[];
  readonly properties?: Readonly<Record<string, { readonly type?: string }>>;
}

/** Of the right shape, with numbers and truths that are others each time. */
function payloadOf({ examples: [example = {}] = [], properties = {} }: Shape, chance: () => number) {
  const drawn = Object.entries(properties).map(([name, { type }]) => {
    if (type === "number") return [name, Math.round((chance() - 0.3) * 80)] as const;
    if (type === "boolean") return [name, chance() < 0.5] as const;
    return [name, example[name] ?? ["2468", "1111"][Math.floor(chance() * 2)]] as const;
  });
  return { ...example, ...Object.fromEntries(drawn) };
}

const probe = `
flow: probe
inputs:
  keep: { topic: probe/+/keep, thing: "\${topic[1]}", id: "\${event.?id.orValue('')}" }
  loose: { topic: "loose/#", thing: "\${event.?key.orValue('loose')}" }
  sure:
    topic: probe/+/sure
    thing: "\${topic[1]}"
    schema: { type: object, required: [n], properties: { n: { type: integer, maximum: 9 } } }
commands:
  light: { topic: "probe/\${thing.name}/light", expires: 2s }
machine:
  initial: on
  context: { kept: 0, other: null }
  on:
    keep: { actions: [{ assign: { kept: "event.n + 1" } }, { command: light, payload: "\${event.n}" }, { raise: again, delay: 4s, id: again }] }
    again: { actions: [{ log: again }, { cancel: again }] }
    loose: { actions: { assign: { other: event.payload } } }
    sure: { actions: { send: { flow: probe, key: other, type: tell } } }
    tell: { actions: { assign: { other: "'told'" } } }
    delivered.light: {}
    expired.light: { actions: { log: too late } }
  states:
    on: { after: { 10s: "off" } }
    off: { type: parallel, states: { a: {}, b: { after: { 5s: { actions: { publish: { topic: idle, payload: "\${context.kept}" } } } } } } }
`;

/** What nobody should send, and records that no gateway writes. */
async function recordHostile(): Promise<MemoryLogServer> {
  const dispatched = await DispatchedWorld.open({ flows: [probe], partitions: 2, seed: 5 });
  const { world, devices } = dispatched;
  devices.become("online");
  const drawn = { seed: 3, numRuns: 60 };
  const isSmall = (value: unknown): boolean => JSON.stringify(value ?? null).length < 700;
  const payloads = fc.sample(hostileJson.filter(isSmall), drawn);
  const texts = fc.sample(hostileText.filter(isSmall), drawn);
  const values = fc.sample(hostileBytes.filter(({ length }) => length < 700), drawn);
  for (const [i, payload] of payloads.entries()) {
    const value = values[i] ?? Buffer.alloc(0);
    await world.publish("loose/x", payload);
    await world.publish("probe/p/keep", { n: payload, id: texts[i] });
    await world.publish(`probe/p${i % 3}/${i % 2 === 0 ? "keep" : "sure"}`, { n: i % 12 });
    if (i % 3 === 0) await world.publish("probe/p/sure", value);
    if (i % 4 === 0) {
      const { events, log } = world.process;
      const signal = { v: 1, kind: "signal", ns: "default", flow: "probe", key: "p", type: i % 3 === 0 ? "tell" : texts[i], id: `h${i % 24}` };
      const header = i % 8 === 0 ? (texts[i] ?? "") : JSON.stringify({ ...signal, ...events.stamp() });
      await log.append("events", i % 2, [{ key: "default/p", header, value }]);
    }
    await world.advance(i % 7 === 0 ? 12_000 : 300);
    devices.become(["online", "offline", "refuses 131", "vanishes"][i % 4] ?? "online");
  }
  await world.advance(60_000);
  return world.logs;
}

const counter = `
flow: counter
inputs: { tick: { topic: counter/+/tick, thing: "\${topic[1]}" } }
commands: { show: { topic: "counter/\${thing.name}/show", expires: 20s } }
machine:
  initial: idle
  context: { n: 0 }
  on: { reset: { target: .idle, actions: { assign: { n: 0 } } }, expired.show: { actions: { log: too late } } }
  states:
    idle: { on: { tick: { target: busy, actions: [{ assign: { n: context.n + 1 } }, { command: show, payload: "\${context.n}" }] } } }
    busy: { on: { tick: { actions: { assign: { n: context.n + 1 } } } }, after: { 30s: idle } }
`;

/** What operators do: acts that come in time and too late, a migration to a version with another state, redrives. */
async function recordOperators(): Promise<MemoryLogServer> {
  const dispatched = await DispatchedWorld.open({ flows: [counter], partitions: 2, seed: 7 });
  const { world, devices } = dispatched;
  devices.become("online");
  const things = ["a", "b", "c", "d"];
  let to = "";
  for (let n = 0; n < 160; n++) {
    const thing = things[n % 4] ?? "a";
    const name = `counter/${thing}`;
    const act = { id: `o${n % 50}`, payload: { reason: "recorded" } };
    await world.publish(`counter/${thing}/tick`, n % 13 === 0 ? Buffer.from("{no") : { n });
    if (n % 7 === 2) await world.operate(name, "pause", act);
    if (n % 7 === 5) await world.operate(name, "pause", { ...act, where: { state: "idle" } });
    if (n % 5 === 4)
      for (const one of things)
        await world.operate(`counter/${one}`, "resume", { ...act, where: { status: "paused" } });
    if (n % 29 === 28) await world.operate(name, "cancel", act);
    if (n % 6 === 3) await world.signal(name, "reset", {}, `s${n}`, { state: "busy" });
    if (n % 10 === 9) for (let nth = n / 10; nth > 0; nth -= 3) await world.redrive(-Math.ceil(nth));
    if (n === 60) devices.become("offline");
    if (n === 80) {
      to = await world.publishFlow(counter.replaceAll("busy", "counting").replace("30s", "45s"));
      await dispatched.crash();
    }
    if (n > 80 && n % 9 === 0) {
      const map = n < 110 ? {} : { busy: "counting" };
      await world.operate(name, "migrate", { ...act, payload: { to, map, reason: "the new one" } });
    }
    if (n === 120) devices.become("online");
    await world.advance(n % 11 === 0 ? 35_000 : 700);
  }
  await world.advance(120_000);
  await dispatched.rest();
  return world.logs;
}

/** Half a minute of the simulation: owners that come and go, repeats, copies, journals that are cut. */
async function recordFaults(): Promise<MemoryLogServer> {
  return (await livedThrough(98)).logs;
}

const recordings = {
  examples: recordExamples,
  hostile: recordHostile,
  operators: recordOperators,
  faults: recordFaults,
};
for (const [name, record] of Object.entries(recordings)) {
  const logs = await record();
  writeHistory(logs, new URL(`${name}.jsonl`, import.meta.url));
  console.log(`recorded ${name}.jsonl`);
}
process.exit(0);
