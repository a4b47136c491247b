import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import type { Instance } from "@millrace/shared/contract/instance";
import type { Rejected, Step } from "@millrace/shared/contract/journal-record";
import type { JsonObject } from "@millrace/shared/contract/json";
import { instanceId } from "@millrace/shared/contract/names";
import { outstanding } from "@millrace/shared/core/outstanding";
import { loadFlow, writeFault } from "@millrace/shared/flow/load";
import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { CommandOutcome, Gateways } from "@millrace/shared/peer/gateways";
import type { Authorize } from "@millrace/shared/policy/authorize";
import { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import { Results } from "@millrace/engine/dispatch/results";
import { simulate, type World } from "../support/world.ts";
import type { Fence } from "./page.ts";

/**
 * The world that examples run in: that of the scenarios, with the real dispatcher before one device
 * that takes whatever it is sent, and with an answer to an HTTP call when the example gives one.
 */
export class Stage {
  readonly world: World;
  readonly #versions: Map<string, readonly string[]>;
  readonly #deployed = new Map<string, number>();
  readonly #device: Device;
  readonly #denied: Denied;
  #dispatcher: Dispatcher | undefined;
  readonly #read = new Set<string>();
  readonly #steps: Step[] = [];
  readonly #rejections: Rejected[] = [];
  #client = "client";

  private constructor(
    world: World,
    versions: Map<string, readonly string[]>,
    device: Device,
    denied: Denied,
  ) {
    this.world = world;
    this.#versions = versions;
    this.#device = device;
    this.#denied = denied;
  }

  /** @param flows their files; of one name, the first is there from the beginning */
  static async open(flows: readonly Pick<Fence, "text">[]): Promise<Stage> {
    const denied: Denied = [];
    const authorize: Authorize = (_principal, action, resource) => {
      const by = denied.find((one) => one.action === action && one.resource.test(resource));
      return by === undefined
        ? { allow: true, by: "no-policies" }
        : { allow: false, by: `${by.action} ${by.written}` };
    };
    const versions = byName(flows.map(({ text }) => text));
    const world = await simulate({ flows: [], authorize });
    const stage = new Stage(world, versions, new Device(), denied);
    await stage.#startDispatcher();
    for (const name of versions.keys()) await stage.deploy(name);
    return stage;
  }

  /** Lets everything that this moment holds happen. */
  async rest(): Promise<void> {
    for (let round = 0; round < 5; round++) await this.world.advance(0);
  }

  async #startDispatcher(): Promise<void> {
    const { log, events } = this.world.process;
    this.#dispatcher = new Dispatcher({
      log,
      store: new MemoryStateStore(this.world.states),
      clock: this.world.clock,
      events: withoutCalls(events),
      gateways: this.#device,
      onLine: (level, message, facts) =>
        this.world.lines.push(`${level} ${message} ${JSON.stringify(facts)}`),
    });
    await this.#dispatcher.start();
    await this.rest();
  }

  // ---- flows

  /** Publishes the next version of a flow. */
  async deploy(name: string): Promise<void> {
    const next = this.#deployed.get(name) ?? 0;
    const text = this.#versions.get(name)?.[next];
    if (text === undefined) throw new Error(`there is no version ${next + 1} of ${name}`);
    this.#deployed.set(name, next + 1);
    await this.world.publishFlow(text);
  }

  async retire(name: string): Promise<void> {
    const record = { v: 1, kind: "retired", ns: "default", name, origin: "test" } as const;
    await this.world.process.registry.publish(record);
  }

  /** Deploys the next version, and loses all that the registry held before. */
  async loseRegistry(name: string): Promise<void> {
    const { end } = this.world.logs.bounds("registry", 0);
    await this.deploy(name);
    this.world.logs.truncate("registry", 0, end);
    await this.crash();
  }

  /** Which of its fences, from 1, a version hash is of. */
  versionNumber(flow: string, hash: string): number {
    const texts = this.#versions.get(flow) ?? [];
    return texts.findIndex((text) => loadFlow(text, "").flow?.version === hash) + 1;
  }

  // ---- what comes in

  /** Names the client that publishes from here on. */
  set client(name: string) {
    this.#client = name;
  }

  async publish(topic: string, payload: Buffer): Promise<void> {
    await this.world.publish(topic, payload, this.#client);
  }

  /** A record on `events` that no gateway wrote. */
  async foreign(text: string): Promise<void> {
    await this.world.process.log.append("events", 0, [{ key: null, header: text, value: text }]);
  }

  /** What came of an HTTP call that an instance waits for. */
  async answer(name: string, outcome: "done" | "error", content: unknown): Promise<void> {
    const { log, events } = this.world.process;
    const calls = this.#instances().flatMap((instance) =>
      outstanding(instance).map(({ id, owed }) => ({ id, owed, instance })),
    );
    const call = calls.find(({ owed }) => owed.kind === "call" && owed.name === name);
    if (call === undefined) throw new Error(`no call \`${name}\` is waited for`);
    const payload = (outcome === "done" ? { output: content } : { error: content }) as JsonObject;
    const results = new Results(events, log.partitions);
    await results.settle(call.instance, call.id, outcome, payload, undefined);
  }

  #instances(): Instance[] {
    const last = new Map(this.steps().map(({ instance }) => [instanceId(instance), instance]));
    return [...last.values()];
  }

  // ---- what goes wrong

  async crash(): Promise<void> {
    this.#dispatcher?.kill();
    await this.world.crashAndRecover();
    await this.#startDispatcher();
  }

  /** `online`, `offline`, or `refuses CODE`. */
  set device(state: string) {
    this.#device.become(state);
  }

  /** From here on, no flow may do this; `*` in the resource stands for anything. */
  deny(action: string, resource: string): void {
    const pattern = resource.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
    this.#denied.push({
      action,
      written: resource,
      resource: new RegExp(`^${pattern.join(".*")}$`),
    });
  }

  // ---- what came of it

  /** Every step, in the order in which the acts of the run caused them. */
  steps(): readonly Step[] {
    return this.#look().steps;
  }

  rejections(): readonly Rejected[] {
    return this.#look().rejections;
  }

  /** What the journal has that was not there at the last look: partitions have no order among them. */
  #look(): { readonly steps: readonly Step[]; readonly rejections: readonly Rejected[] } {
    for (const { partition, offset, kind, body } of this.world.counting()) {
      const place = `${partition}/${offset}`;
      if (this.#read.has(place)) continue;
      this.#read.add(place);
      if (kind === "step") this.#steps.push(body as Step);
      if (kind === "rejected") this.#rejections.push(body as Rejected);
    }
    return { steps: this.#steps, rejections: this.#rejections };
  }
}

type Denied = { readonly action: string; readonly written: string; readonly resource: RegExp }[];

/** @throws Error when a file has a fault, but for events that only signals cause */
function byName(texts: readonly string[]): Map<string, readonly string[]> {
  const versions = new Map<string, string[]>();
  for (const text of texts) {
    const { flow, faults } = loadFlow(text, "flow");
    const wrong = faults.filter(({ code }) => code !== "never-used");
    if (flow === undefined || wrong.length > 0) throw new Error(wrong.map(writeFault).join("\n"));
    const known = versions.get(flow.name);
    if (known === undefined) versions.set(flow.name, [text]);
    else known.push(text);
  }
  return versions;
}

/**
 * The dispatcher does not make HTTP calls yet, and answers each at once with an error. Here the example
 * says what the answer is, so this one is dropped.
 */
function withoutCalls(events: EventsWriter): EventsWriter {
  const write: EventsWriter["write"] = async (partition, record) =>
    String(record.value).includes('"not-supported"')
      ? { offset: -1, time: 0 }
      : await events.write(partition, record);
  return { stamp: () => events.stamp(), write } as unknown as EventsWriter;
}

/** One device that subscribes to everything, is away, or refuses what it gets. */
class Device implements Gateways {
  readonly #listeners = new Set<(ns: string, filter: string) => void>();
  #outcome: CommandOutcome = { outcome: "delivered" };

  match(): ReturnType<Gateways["match"]> {
    if (this.#outcome.outcome === "none") return [];
    return [{ name: "device", deliver: async () => this.#outcome }];
  }

  onSubscribed(call: (ns: string, filter: string) => void): () => void {
    this.#listeners.add(call);
    return () => this.#listeners.delete(call);
  }

  /** `online`, `offline`, or `refuses CODE`. */
  become(state: string): void {
    const refuses = /^refuses (\d+)$/.exec(state);
    if (refuses !== null) this.#outcome = { outcome: "refused", code: Number(refuses[1]) };
    else if (state === "offline") this.#outcome = { outcome: "none" };
    else if (state === "online") this.#outcome = { outcome: "delivered" };
    else throw new Error(`a device is online, offline or refuses CODE, not ${state}`);
    if (this.#outcome.outcome === "none") return;
    for (const call of this.#listeners) call("default", "#");
  }
}
