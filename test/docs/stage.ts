import type { Instance } from "@millrace/shared/contract/instance";
import type { Rejected, Step } from "@millrace/shared/contract/journal-record";
import { instanceId } from "@millrace/shared/contract/names";
import { outstanding } from "@millrace/shared/core/outstanding";
import { checkDeployments, type WrittenDeployment } from "@millrace/shared/flow/deployment-file";
import type { Flow } from "@millrace/shared/flow/flow";
import { loadFile, writeFault } from "@millrace/shared/flow/load";
import { DispatchedWorld } from "../support/dispatched-world.ts";
import type { World } from "../support/world.ts";
import type { Fence } from "./page.ts";

/** The secrets of the examples. */
const secrets = { tickets: "s3cret" };

/**
 * The world that examples run in: that of the scenarios, with the real dispatcher before one device
 * that takes whatever it is sent, and with an answer to an HTTP call when the example gives one.
 */
export class Stage {
  readonly #dispatched: DispatchedWorld;
  readonly #versions: Map<string, readonly Version[]>;
  readonly #deployed = new Map<string, number>();
  readonly #read = new Set<string>();
  readonly #steps: Step[] = [];
  readonly #rejections: Rejected[] = [];
  #client = "client";

  private constructor(dispatched: DispatchedWorld, versions: Map<string, readonly Version[]>) {
    this.#dispatched = dispatched;
    this.#versions = versions;
  }

  /** @param files of flows and deployments; of one name, the first is there from the beginning */
  static async open(files: readonly Pick<Fence, "text">[]): Promise<Stage> {
    const versions = byName(files.map(({ text }) => text));
    const stage = new Stage(await DispatchedWorld.open({ flows: [], secrets }), versions);
    stage.device = "online";
    for (const name of versions.keys()) await stage.deploy(name);
    return stage;
  }

  get world(): World {
    return this.#dispatched.world;
  }

  rest(): Promise<void> {
    return this.#dispatched.rest();
  }

  // ---- flows

  /** Publishes the next version of a flow, or of a deployment. */
  async deploy(name: string): Promise<void> {
    const next = this.#deployed.get(name) ?? 0;
    const version = this.#versions.get(name)?.[next];
    if (version === undefined) throw new Error(`there is no version ${next + 1} of ${name}`);
    this.#deployed.set(name, next + 1);
    if ("file" in version) await this.world.publishLoaded(version);
    else await this.world.deploy(version);
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
    const versions = this.#versions.get(flow) ?? [];
    return versions.findIndex((one) => "file" in one && one.version === hash) + 1;
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

  /** The host of an HTTP call that an instance waits for answers. */
  answer(name: string, status: number, body: string): void {
    const calls = this.#instances().flatMap(outstanding);
    const call = calls.find(({ owed }) => owed.kind === "call" && owed.name === name);
    if (call === undefined) throw new Error(`no call \`${name}\` is waited for`);
    const headers = { "content-type": "application/json" };
    this.#dispatched.http.answer(call.id, { status, headers, body });
  }

  #instances(): Instance[] {
    const last = new Map(this.steps().map(({ instance }) => [instanceId(instance), instance]));
    return [...last.values()];
  }

  // ---- what goes wrong

  crash(): Promise<void> {
    return this.#dispatched.crash();
  }

  /** `online`, `offline`, or `refuses CODE`. */
  set device(state: string) {
    this.#dispatched.devices.become(state);
  }

  /** From here on, no flow may do this; `*` in the resource stands for anything. */
  deny(action: string, resource: string): void {
    this.#dispatched.denials.deny(action, resource);
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

/** A flow or a deployment, as one of its files has it. */
type Version = Flow | WrittenDeployment;

/** @throws Error when a file has a fault, but for events that only signals cause */
function byName(texts: readonly string[]): Map<string, readonly Version[]> {
  const files = texts.map((text) => loadFile(text, "file"));
  const flows = files.flatMap((file) => file.flows);
  const deployments = files.flatMap((file) => file.deployments);
  const checks = deployments.map((one) =>
    checkDeployments([one], (_ns, name) => flows.find((flow) => flow.name === name)),
  );
  const faults = [...files, ...checks].flatMap((one) => one.faults);
  const wrong = faults.filter(({ code }) => code !== "overlapping-inputs");
  if (wrong.length > 0) throw new Error(wrong.map(writeFault).join("\n"));
  return Map.groupBy([...flows, ...deployments], ({ name }) => name);
}
