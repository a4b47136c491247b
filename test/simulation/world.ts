import { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import { MemoryStateServer } from "@millrace/shared/adapters/memory/state-server";
import type { CommandEffect, PublishEffect } from "@millrace/shared/contract/effect";
import type { DispatchOptions } from "@millrace/engine/dispatch/options";
import type { EngineOptions } from "@millrace/engine/runtime/options";
import { nextDue, type Instance } from "@millrace/shared/contract/instance";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { CommandMessage } from "@millrace/shared/peer/gateways";
import type { PublishedRecord } from "@millrace/shared/ports/event-log";
import { Device } from "./device.ts";
import { drawFaults, type Faults, noFaults } from "./faults.ts";
import { GatewayProcess } from "./gateway-process.ts";
import type { GroupMember } from "./group-member.ts";
import { I3_storeIsTheFold, type Report } from "./invariants.ts";
import { JournalView } from "./journal-view.ts";
import { Network } from "./network.ts";
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
  readonly devices: Device[] = [];
  /** What was told as stopped for good. */
  readonly stops: string[] = [];
  /** Ids of commands that came to a device, and were accepted or refused. */
  readonly receivedIds = new Set<string>();
  /** Appends that may still take effect. */
  lateAppends = 0;
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
    this.views = Array.from({ length: PARTITIONS }, (_, i) => new JournalView(this.logs, i));
    this.engineOptions = {
      cachedInstancesMax: scheduler.pick([2, 4, 100]) as number,
      turnRecordsMax: scheduler.between(1, 5),
      arrivedRecordsMax: scheduler.between(2, 12),
      commitMs: scheduler.pick([5, 50, 400]) as number,
      commitStepsMax: scheduler.between(1, 6),
      uncommittedMax: scheduler.between(2, 6),
      storeCheckMs: 500,
      timerWindowMs: scheduler.pick([2_000, 4_000, 60_000]) as number,
      reclaimMs: scheduler.between(20, 500),
    };
    this.dispatchOptions = {
      parkMs: scheduler.pick([200, 1_000]) as number,
      retryMs: 1_000,
      askAgainMs: 2_000,
      underWayMax: scheduler.pick([2, 10_000]) as number,
    };
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

  line(who: string, level: string, message: string, facts?: object): void {
    this.note(who, () => `${level} ${message} ${JSON.stringify(facts ?? {})}`);
    const stopped = /^(partition stopped|partition is not dispatched any more|subscription failed)/;
    if (stopped.test(message)) this.stops.push(`${who}: ${message} ${JSON.stringify(facts)}`);
  }

  newCatalogue(): Catalogue {
    return new WatchedCatalogue(this.scheduler, this.logs.partitions, (flow, why) =>
      this.stops.push(`${flow}: ${why}`),
    );
  }

  // ---- processes

  gatewaysAlive(): GatewayProcess[] {
    return [...this.gateways].filter(({ process }) => !process.isDead);
  }

  async startGateway(): Promise<GatewayProcess> {
    this.#count += 1;
    const gateway = new GatewayProcess(this, `gateway-${this.#count}`);
    this.note(gateway.process.name, () => "starts");
    gateway.process.atEnd(() => this.#ended(gateway.process, () => void this.startGateway()));
    gateway.process.atEnd(() => this.gateways.delete(gateway));
    await gateway.start();
    this.gateways.add(gateway);
    for (const worker of this.workers) worker.connect(gateway);
    return gateway;
  }

  async startWorker(roles: Roles): Promise<void> {
    this.#count += 1;
    const name = `${[roles.engine && "engine", roles.dispatcher && "dispatcher"].filter(Boolean).join("+")}-${this.#count}`;
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

  #effectOf(id: string): unknown {
    const found = this.views.map((view) => view.advance().effects.get(id)?.effect);
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
    const undone: string[] = [];
    for (const device of this.devices) if (!device.isSettled) undone.push(`${device.name} waits`);
    for (const [partition, view] of this.views.entries()) {
      view.advance();
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
