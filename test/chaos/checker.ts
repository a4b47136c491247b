import type { LedgerDevice } from "./device.ts";
import { type Counted, type RawRecord, readJournal, readTopic, withoutRepeats } from "./records.ts";

/**
 * Compares the log with what the devices know. It reads with another client and rules of its own
 * (records.ts), so that a mistake of the product's readers cannot hide one of its writers.
 */
export interface Findings {
  readonly counts: {
    readonly acknowledged: number;
    readonly records: number;
    readonly repeats: number;
    readonly steps: number;
    readonly claims: number;
    readonly void: number;
    readonly commands: number;
    /** Commands that came again on another connection: at least once is what is promised. */
    readonly redelivered: number;
    /** Taken again after 16 other ids: an instance remembers no more of them. */
    readonly forgotten: number;
  };
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** Orders that are broken, gaps, forks, commands of steps that do not count, rejections. */
  readonly wrong: readonly string[];
}

/** What of a step's value is looked at. */
interface Step {
  readonly partition: number;
  readonly cause: { kind: string; type: string; offset?: number; effect?: string };
  readonly effects: readonly { kind: string; name: string; index: number; payload: unknown }[];
  readonly instance: { ns: string; flow: string; key: string; generation: number; seq: number };
}

interface Tick {
  readonly id: string;
  readonly n: number;
  readonly life: number;
  readonly index: number;
}

/** How many ids an instance remembers (docs/architecture.md, section 6). */
const IDS_MAX = 16;

export async function check(
  devices: readonly LedgerDevice[],
  log: { readonly brokers: readonly string[]; readonly prefix: string },
): Promise<Findings> {
  const all = await readTopic(log.brokers, `${log.prefix}events`);
  const journal = (await readTopic(log.brokers, `${log.prefix}journal`)).map(readJournal);
  return new Checker(devices, all.map(withoutRepeats), journal).findings(
    all.reduce((sum, { length }) => sum + length, 0),
  );
}

class Checker {
  readonly #devices: readonly LedgerDevice[];
  readonly #events: readonly (readonly RawRecord[])[];
  readonly #journal: readonly Counted[];
  readonly #steps: readonly Step[];
  readonly #lost: string[] = [];
  readonly #doubled: string[] = [];
  readonly #wrong: string[] = [];
  #forgotten = 0;
  #redelivered = 0;

  constructor(
    devices: readonly LedgerDevice[],
    events: readonly (readonly RawRecord[])[],
    journal: readonly Counted[],
  ) {
    this.#devices = devices;
    this.#events = events;
    this.#journal = journal;
    this.#steps = journal.flatMap(({ counting }, partition) =>
      counting
        .filter(({ header }) => header.kind === "step")
        .map(({ value }) => ({ ...(JSON.parse(value) as Step), partition })),
    );
  }

  findings(records: number): Findings {
    this.#checkJournal();
    const histories = Map.groupBy(
      this.#steps,
      ({ instance }) => `${instance.flow}/${instance.key}`,
    );
    for (const [name, steps] of histories) this.#checkSeq(name, steps);
    const ticks = this.#ticks();
    for (const device of this.#devices) {
      this.#checkConnections(device, ticks);
      this.#checkTaken(device, histories.get(`ledger/${device.name}`) ?? [], ticks);
      this.#checkCommands(device, histories.get(`ledger/${device.name}`) ?? []);
    }
    this.#checkRooms(histories, ticks);
    const sum = (of: (one: Counted) => number): number =>
      this.#journal.reduce((total, one) => total + of(one), 0);
    return {
      counts: {
        acknowledged: this.#devices.reduce((total, { acknowledged }) => total + acknowledged, 0),
        records,
        repeats: records - this.#events.reduce((total, { length }) => total + length, 0),
        steps: this.#steps.length,
        claims: sum(({ claims }) => claims),
        void: sum(({ voided }) => voided.length),
        commands: this.#steps.reduce((total, { effects }) => total + effects.length, 0),
        redelivered: this.#redelivered,
        forgotten: this.#forgotten,
      },
      lost: this.#lost,
      doubled: this.#doubled,
      wrong: this.#wrong,
    };
  }

  #checkJournal(): void {
    for (const [partition, { gaps, counting }] of this.#journal.entries()) {
      for (const offset of gaps) this.#wrong.push(`journal/${partition}: a gap before ${offset}`);
      for (const { header, value } of counting) {
        if (header.kind === "rejected") this.#wrong.push(`rejected: ${value.slice(0, 300)}`);
      }
    }
  }

  /** One line of history: neither gaps nor forks. */
  #checkSeq(name: string, steps: readonly Step[]): void {
    for (const [at, { instance }] of steps.entries()) {
      if (instance.seq === at + 1 && instance.generation === steps[0]?.instance.generation)
        continue;
      this.#wrong.push(`${name}: step ${at + 1} has seq ${instance.generation}/${instance.seq}`);
      return;
    }
  }

  /** What the devices published, by `partition/offset`; copies left out. */
  #ticks(): ReadonlyMap<string, Tick> {
    const ticks = new Map<string, Tick>();
    for (const [partition, records] of this.#events.entries()) {
      for (const { offset, header, value } of records) {
        if (header.kind !== "device" || header.at !== undefined) continue;
        ticks.set(`${partition}/${offset}`, JSON.parse(value) as Tick);
      }
    }
    return ticks;
  }

  /** Of each connection, the log has a beginning of what was published, in order. */
  #checkConnections({ name }: LedgerDevice, ticks: ReadonlyMap<string, Tick>): void {
    const lives = new Map<number, number>();
    for (const { id, life, index } of ticks.values()) {
      if (!id.startsWith(`${name}-`)) continue;
      const before = lives.get(life) ?? 0;
      if (index !== before + 1)
        this.#wrong.push(`${name}: event ${index} of connection ${life} stands after ${before}`);
      lives.set(life, index);
    }
  }

  /** Every acknowledged event is taken once, in the order in which they were first published. */
  #checkTaken(
    device: LedgerDevice,
    steps: readonly Step[],
    ticks: ReadonlyMap<string, Tick>,
  ): void {
    const { name } = device;
    const order: number[] = [];
    const lastAt = new Map<number, number>();
    let offset = -1;
    for (const { partition, cause } of steps) {
      if (cause.kind !== "device") continue;
      const n = ticks.get(`${partition}/${cause.offset}`)?.n;
      if (n === undefined || (cause.offset ?? -1) <= offset) {
        this.#wrong.push(`${name}: a step's cause ${partition}/${cause.offset} after ${offset}`);
        continue;
      }
      offset = cause.offset ?? -1;
      const before = lastAt.get(n);
      if (before !== undefined && new Set(order.slice(before + 1)).size < IDS_MAX)
        this.#doubled.push(`${name}-${n} is taken twice`);
      else if (before !== undefined) this.#forgotten += 1;
      else if (n !== lastAt.size + 1)
        this.#wrong.push(`${name}-${n} is taken after ${lastAt.size} others`);
      lastAt.set(n, order.length);
      order.push(n);
    }
    for (const [at, { acknowledgedAt }] of device.events.entries()) {
      if (acknowledgedAt !== undefined && !lastAt.has(at + 1))
        this.#lost.push(`${name}-${at + 1} was acknowledged and not taken`);
    }
  }

  /** Each record is taken once by the room of its device, whose partition is another. */
  #checkRooms(
    histories: ReadonlyMap<string, readonly Step[]>,
    ticks: ReadonlyMap<string, Tick>,
  ): void {
    const origins = new Map<string, string>();
    for (const [partition, records] of this.#events.entries()) {
      for (const { offset, header } of records) {
        if (header.at === undefined) continue;
        origins.set(`${partition}/${offset}`, `${header.w?.replace("events/", "")}/${header.n}`);
      }
    }
    const taken = new Set<string>();
    for (const room of new Set(this.#devices.map((device) => device.room))) {
      for (const { partition, cause } of histories.get(`room/${room}`) ?? []) {
        const place = `${partition}/${cause.offset}`;
        const origin = origins.get(place) ?? place;
        if (!ticks.has(origin)) this.#wrong.push(`${room}: step of ${place}, which is no event`);
        if (taken.has(origin)) this.#doubled.push(`${room} took ${origin} twice`);
        taken.add(origin);
      }
    }
    for (const [place, { id }] of ticks) {
      if (!taken.has(place)) this.#lost.push(`${id} at ${place} was not taken by its room`);
    }
  }

  /** Every command of a counting step came, or is accounted for; nothing else came. */
  #checkCommands(device: LedgerDevice, steps: readonly Step[]): void {
    const missing = new Map<string, string>();
    const settled = new Set<string>();
    for (const { instance, effects, cause } of steps) {
      const { ns, flow, key, generation, seq } = instance;
      for (const { index, payload } of effects)
        missing.set(`${ns}/${flow}/${key}/${generation}/${seq}/${index}`, JSON.stringify(payload));
      if (cause.effect !== undefined && /^(superseded|expired)\./.test(cause.type))
        settled.add(cause.effect);
    }
    const expected = new Map(missing);
    const connections = new Set<string>();
    for (const { effect, payload, life, dup } of device.received) {
      const place = `${effect} on connection ${life}`;
      if (expected.get(effect) !== payload)
        this.#wrong.push(
          `${device.name}: ${place} says ${payload}, the journal ${expected.get(effect)}`,
        );
      if (connections.has(place) && !dup)
        this.#doubled.push(`${device.name} was given ${place} twice`);
      if (!missing.delete(effect) && !connections.has(place)) this.#redelivered += 1;
      connections.add(place);
    }
    for (const effect of missing.keys()) {
      if (!settled.has(effect)) this.#lost.push(`${device.name} was never given ${effect}`);
    }
  }
}
