import { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import { MemoryStateServer } from "@millrace/shared/adapters/memory/state-server";
import type { CallEffect, CommandEffect, PublishEffect } from "@millrace/shared/contract/effect";
import type { DispatchOptions } from "@millrace/engine/dispatch/options";
import type { EngineOptions } from "@millrace/engine/runtime/options";
import { nextDue, type Instance } from "@millrace/shared/contract/instance";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { CommandMessage } from "@millrace/shared/peer/gateways";
import type { PublishedRecord, Topic } from "@millrace/shared/ports/event-log";
import { DeploymentHistory } from "./deployment-history.ts";
import { Device } from "./device.ts";
import { drawFaults, type Faults, noFaults } from "./faults.ts";
import { GatewayProcess } from "./gateway-process.ts";
import type { GroupMember } from "./group-member.ts";
import {
  I3_floorIsABeginning,
  I3_onlyWhatIsOldIsCut,
  I3_storeIsTheFold,
} from "./fold-invariants.ts";
import type { Report } from "./invariants.ts";
import { JournalView } from "./journal-view.ts";
import { Operators } from "./operators.ts";
import { Network } from "./network.ts";
import { drawDispatchOptions, drawEngineOptions } from "./options.ts";
import type { Process } from "./process.ts";
import { Scheduler } from "./scheduler.ts";
import { WatchedCatalogue } from "./watched-catalogue.ts";
import { type Roles, WorkerProcess } from "./worker-process.ts";

export const PARTITIONS = 2;

/** How long an operator takes to start what has died. */
const RESTART_MS_MAX = 4_000;

/** Everything there is in one simulation: servers that stay, processes and devices that come and go. */
export class World {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly logs: MemoryLogServer;
  readonly states = new MemoryStateServer();
  readonly views: readonly JournalView[];
  readonly members = new Set<GroupMember>();
  readonly gateways = new Set<GatewayProcess>();
  readonly workers = new Set<WorkerProcess>();
  readonly rebuilding = new Set<Process>();
  readonly devices: Device[] = [];
  /** What was told as stopped for good. */
  readonly stops: string[] = [];
  /** Ids of commands that came to a device, and were accepted or refused. */
  readonly receivedIds = new Set<string>();
  readonly deployments = new DeploymentHistory();
  readonly operators: Operators;
  /** Processes that poison has ended, and all that have claimed, by the names in their claims. */
  readonly bitten = new Set<string>();
  readonly claimants = new Map<string, string>();
  /** Whether some of what devices say is poison. */
  readonly isPoisonous: boolean;
  /** Ids of calls that reached their host, and how often. */
  readonly calls = new Map<string, number>();
  /** Appends and truncations that may still take effect. */
  lateEffects = 0;
  /** When all had come to rest, by the log's clock: what is said since then meets no fault. */
  restedAt = Number.POSITIVE_INFINITY;
  /** How far the journal of each partition was ever said to be dispatched. */
  readonly dispatchedTo: number[] = [];
  readonly engineOptions: Partial<EngineOptions>;
  readonly dispatchOptions: Partial<DispatchOptions>;
  readonly #faults: Faults;
  readonly #history: string[] | undefined;
  readonly #backups: (() => void)[] = [];
  readonly #publishedIds = new Set<string>();
  readonly #report: Report;
  #calm = false;
  #count = 0;

  constructor(seed: number, report: Report, history: string[] | undefined) {
    this.scheduler = new Scheduler(seed);
    this.#report = report;
    this.#history = history;
    this.network = new Network(this.scheduler);
    this.#faults = drawFaults(this.scheduler);
    this.network.slowRate = this.#faults.slow;
    const { scheduler } = this;
    const clock = {
      wallMs: () => scheduler.now,
      monotonicMs: () => scheduler.now,
      after: (ms: number, call: () => void) => scheduler.after(ms, call),
      random: () => scheduler.random(),
    };
    this.logs = new MemoryLogServer({ clock, partitions: PARTITIONS });
    const floorNamed = (view: JournalView, floor: number): void =>
      I3_floorIsABeginning(this, view, floor, report);
    this.views = Array.from(
      { length: PARTITIONS },
      (_, i) => new JournalView(this.logs, i, floorNamed),
    );
    this.engineOptions = drawEngineOptions(scheduler);
    this.dispatchOptions = drawDispatchOptions(scheduler);
    this.isPoisonous = scheduler.chance(0.15);
    this.operators = new Operators(this);
    this.states.scanPageMax = scheduler.pick([1, 2, 500]) as number;
  }

  get faults(): Faults {
    return this.#calm ? noFaults : this.#faults;
  }

  /** From here on nothing goes wrong any more. */
  calm(): void {
    this.#calm = true;
    this.network.slowRate = 0;
  }

  note(who: string, what: () => string): void {
    this.#history?.push(`${this.scheduler.now - Date.UTC(2026, 0, 1)} ${who} ${what()}`);
  }

  line(from: Process, level: string, message: string, facts?: object): void {
    if (from.isDead) return;
    const who = from.name;
    this.note(who, () => `${level} ${message} ${JSON.stringify(facts ?? {})}`);
    const stopped = /^(partition stopped|partition is not dispatched any more)/;
    if (stopped.test(message)) this.stops.push(`${who}: ${message} ${JSON.stringify(facts)}`);
  }

  newCatalogue(): Catalogue {
    return new WatchedCatalogue(this.scheduler, this.logs.partitions, (flow, why) =>
      this.stops.push(`${flow}: ${why}`),
    );
  }

  // ---- processes

  newName(role: string): string {
    this.#count += 1;
    return `${role}-${this.#count}`;
  }

  get foldedMax(): number {
    return this.engineOptions.foldedMax ?? 1;
  }

  gatewaysAlive(): GatewayProcess[] {
    return [...this.gateways].filter(({ process }) => !process.isDead);
  }

  async startGateway(): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(this, this.newName("gateway"));
    this.note(gateway.process.name, () => "starts");
    gateway.process.atEnd(() => this.#ended(gateway.process, () => void this.startGateway()));
    gateway.process.atEnd(() => this.gateways.delete(gateway));
    await gateway.start();
    this.gateways.add(gateway);
    for (const worker of this.workers) worker.connect(gateway);
    return gateway;
  }

  async startWorker(roles: Roles): Promise<void> {
    const { engine, dispatcher } = roles;
    const both = engine && dispatcher;
    const name = this.newName(both ? "engine+dispatcher" : engine ? "engine" : "dispatcher");
    const worker = new WorkerProcess(this, name, roles);
    this.note(name, () => "starts");
    worker.process.atEnd(() => this.#ended(worker.process, () => void this.startWorker(roles)));
    worker.process.atEnd(() => this.workers.delete(worker));
    this.workers.add(worker);
    for (const gateway of this.gateways) worker.connect(gateway);
    await worker.start();
  }

  #ended(process: Process, restart: () => void): void {
    this.note(process.name, () => "is gone");
    this.scheduler.after(this.scheduler.between(50, RESTART_MS_MAX), restart);
  }

  // ---- what is seen of the product at work

  /** A commit was taken: the store has to be what the journal folds to. */
  committed(partition: number): void {
    this.#backups.push(this.states.backup(partition));
    I3_storeIsTheFold(this, partition, this.#report);
  }

  /** Sets the store of a partition back to some earlier commit. */
  setBack(): void {
    this.scheduler.pick(this.#backups)?.();
  }

  /** A bookmark of the dispatchers was taken. */
  dispatched(partition: number, offset: number): void {
    this.dispatchedTo[partition] = Math.max(offset, this.dispatchedTo[partition] ?? 0);
  }

  /** A truncation takes effect. */
  cut(from: Process, topic: Topic, partition: number, before: number): void {
    this.note(from.name, () => `cuts ${topic}/${partition} at ${before}`);
    I3_onlyWhatIsOldIsCut(this, { topic, partition, before }, this.#report);
    this.logs.truncate(topic, partition, before);
  }

  /** A process decides what ends it. */
  bite(process: Process): void {
    if (process.isDead) return;
    this.note(process.name, () => "is bitten");
    this.bitten.add(process.name);
    process.kill();
  }

  /** A dispatcher hands a command over: its step has to stand in the journal, and count. */
  executed(from: Process, { id, payload }: CommandMessage): void {
    this.note(from.name, () => `hands over ${id} ${payload.toString()}`);
    const effect = this.#effectOf(id) as CommandEffect | undefined;
    if (effect === undefined || JSON.stringify(effect.payload) !== payload.toString())
      this.#report(
        "I5",
        `${id} ${payload.toString()} was executed, and no step that counts asks for it`,
      );
  }

  /** A host is asked for something. @returns how often it was */
  called(from: Process, id: string, url: string, body: string | undefined): number {
    const effect = this.#effectOf(id) as CallEffect | undefined;
    if (effect === undefined || effect.url !== url || JSON.stringify(effect.body) !== body)
      this.#report("I5", `${id} of ${url} was called, and no step that counts asks for it`);
    const times = (this.calls.get(id) ?? 0) + 1;
    this.note(from.name, () => `reaches ${url} with ${id}, for the ${times}. time`);
    this.calls.set(id, times);
    return times;
  }

  #effectOf(id: string): unknown {
    const found = this.views.map((view) => view.effects.get(id)?.effect);
    return found.find((effect) => effect !== undefined);
  }

  /** A gateway hands a command to a session. */
  handedOver(gateway: GatewayProcess, id: string): void {
    if (gateway.delivered.has(id))
      this.#report("I5", `${gateway.process.name} applied ${id} again`);
  }

  received(device: string, id: string, refused: boolean): void {
    this.note(device, () => `${refused ? "refuses" : "takes"} ${id}`);
    this.receivedIds.add(id);
  }

  published({ headers, value }: PublishedRecord): void {
    const id = headers["ce_id"] ?? "";
    this.#publishedIds.add(id);
    const effect = this.#effectOf(id) as PublishEffect | undefined;
    if (effect === undefined || JSON.stringify(effect.payload) !== value.toString())
      this.#report("I5", `${id} was published, and no step that counts asks for it`);
  }

  isPublished(id: string): boolean {
    return this.#publishedIds.has(id);
  }

  addDevice(name: string): void {
    this.devices.push(new Device(this, name));
  }

  /** What is still to be done before all is at rest. */
  undone(): string[] {
    const undone = this.operators.undone();
    for (const device of this.devices) if (!device.isSettled) undone.push(`${device.name} waits`);
    for (const { name } of this.rebuilding) undone.push(`${name} is under way`);
    for (const [partition, view] of this.views.entries()) {
      if (this.states.partition(partition).until !== undefined)
        undone.push(`store/${partition} is a part`);
      const events = this.logs.bounds("events", partition).end;
      const journal = this.logs.bounds("journal", partition).end;
      const input = view.position().offset;
      if (input !== events) undone.push(`events/${partition} is taken to ${input} of ${events}`);
      const held = this.states.partition(partition).journal.offset;
      // A claim that took effect late is learnt of with the next append.
      const counting = (view.counting.at(-1)?.offset ?? -1) + 1;
      if (held < counting) undone.push(`store/${partition} is at ${held} of ${counting}`);
      const dispatched = this.logs.loadBookmark("dispatch", partition)?.offset;
      if (dispatched !== journal)
        undone.push(`journal/${partition} is dispatched to ${dispatched} of ${journal}`);
      for (const id of view.ids) {
        const instance = JSON.parse(view.instance(id) as string) as Instance;
        if (instance.owed !== undefined)
          undone.push(`${id} is owed ${Object.keys(instance.owed).join()}`);
        const due = nextDue(instance);
        if (due !== undefined) undone.push(`${id} waits for ${due}`);
      }
    }
    return undone;
  }
}
