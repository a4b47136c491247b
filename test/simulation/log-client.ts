import type { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import { outOfRange } from "@millrace/shared/adapters/local/read";
import { OperationalError } from "@millrace/shared/errors/operational";
import type {
  Appended,
  Bounds,
  EventLog,
  LogRecord,
  NewRecord,
  PublishedRecord,
  Subscription,
  SubscriptionEvents,
  Topic,
} from "@millrace/shared/ports/event-log";
import type { Process } from "./process.ts";
import { GroupMember } from "./group-member.ts";
import type { World } from "./world.ts";

const READ_RECORDS_MAX = 8;
/** How long a client waits for an answer that does not come. */
const ANSWER_MS_MAX = 5_000;
/** How late an append may take effect of which nobody knows any more. */
const LATE_MS_MAX = 60_000;

type Fate = "done" | "doubled" | "unanswered" | "lost" | "late";

/**
 * One process's connection to the memory log. Every answer takes its time, and appends fail in all the
 * ways that the port allows. Two appends under way at once may overtake each other: whoever sends them
 * has to know.
 */
export class LogClient implements EventLog {
  readonly #world: World;
  readonly #process: Process;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.#process = process;
  }

  get #server(): MemoryLogServer {
    return this.#world.logs;
  }

  get id(): string {
    return this.#server.id;
  }

  get partitions(): number {
    return this.#server.partitions;
  }

  append(topic: Topic, partition: number, records: readonly NewRecord[]): Promise<Appended> {
    const { scheduler, network } = this.#world;
    return new Promise((resolve, reject) => {
      scheduler.after(network.latencyMs(), () => {
        const killed = this.#process.isDead;
        if (killed && scheduler.chance(0.5)) return; // it was not sent yet
        const fate = this.#fate(topic);
        const appended = this.#takeEffect(fate, topic, partition, records);
        if (appended !== undefined && (fate === "done" || fate === "doubled")) {
          return network.answer(this.#process, () => resolve(appended));
        }
        const waitMs = scheduler.chance(0.5) ? network.latencyMs() : ANSWER_MS_MAX;
        scheduler.after(waitMs, () =>
          this.#process.enter(() => reject(notAnswered(topic, partition))),
        );
      });
    });
  }

  #fate(topic: Topic): Fate {
    const { scheduler, faults } = this.#world;
    if (topic === "registry") return "done";
    let random = scheduler.random();
    for (const fate of ["unanswered", "lost", "late", "doubled"] as const) {
      if (random < faults[fate]) return fate;
      random -= faults[fate];
    }
    return "done";
  }

  #takeEffect(
    fate: Fate,
    topic: Topic,
    partition: number,
    records: readonly NewRecord[],
  ): Appended | undefined {
    const write = (): Appended => {
      const appended = this.#server.write(topic, partition, records);
      this.#note(fate, topic, partition, appended, records);
      if (topic === "journal") this.#journalWritten(records);
      return appended;
    };
    if (fate === "lost") {
      this.#note(fate, topic, partition, undefined, records);
      return undefined;
    }
    if (fate === "late") {
      this.#note(fate, topic, partition, undefined, records);
      this.#later(write);
      return undefined;
    }
    if (fate === "doubled") write();
    return write();
  }

  #journalWritten(records: readonly NewRecord[]): void {
    const { scheduler, faults, claimants } = this.#world;
    const worker = /"worker":"([^"]+)","log"/.exec(records[0]?.value?.toString() ?? "")?.[1];
    if (worker !== undefined) claimants.set(worker, this.#process.name);
    const begins = records.some(({ header }) => header.includes('"checkpoint"'));
    if (!begins || !scheduler.chance(faults.killsInPass)) return;
    scheduler.after(scheduler.between(0, 60), () => this.#process.kill());
  }

  #note(
    fate: string,
    topic: Topic,
    partition: number,
    appended: Appended | undefined,
    records: readonly NewRecord[],
  ): void {
    const what = (): string => records.map(({ header }) => short(header)).join(" | ");
    this.#world.note(
      this.#process.name,
      () => `append ${topic}/${partition} ${fate} at ${appended?.offset ?? "-"}: ${what()}`,
    );
  }

  async *read(
    topic: Topic,
    partition: number,
    from: number,
    to: number,
  ): AsyncIterable<readonly LogRecord[]> {
    for (let at = from; at < to; ) {
      const count = Math.min(READ_RECORDS_MAX, to - at);
      const work = () => {
        const { start } = this.#server.bounds(topic, partition);
        if (at < start) throw outOfRange(topic, partition, at, start);
        return this.#server.slice(topic, partition, at, count);
      };
      const batch = await this.#world.network.request(this.#process, work);
      yield batch;
      at += batch.length;
    }
  }

  async follow(
    topic: Topic,
    partition: number,
    from: number,
    take: (records: readonly LogRecord[]) => void,
  ): Promise<() => Promise<void>> {
    const { network } = this.#world;
    let at = from;
    let busy = false;
    const pump = (): void => {
      const records = this.#server.slice(topic, partition, at, READ_RECORDS_MAX);
      if (busy || records.length === 0) return;
      busy = true;
      network.answer(this.#process, () => {
        busy = false;
        at += records.length;
        take(records);
        pump();
      });
    };
    const unwatch = this.#server.watch((changed, which) => {
      if (changed === topic && which === partition) pump();
    });
    this.#process.atEnd(unwatch);
    pump();
    return async () => unwatch();
  }

  async subscribe(topic: Topic, group: string, events: SubscriptionEvents): Promise<Subscription> {
    return new GroupMember(this.#world, this.#process, topic, group, events);
  }

  bounds(topic: Topic, partition: number): Promise<Bounds> {
    const work = () => this.#server.bounds(topic, partition);
    return this.#world.network.request(this.#process, work);
  }

  ends(topic: Topic): Promise<readonly number[]> {
    const count = topic === "registry" ? 1 : this.partitions;
    const all = Array.from({ length: count }, (_, partition) => partition);
    const work = () => all.map((partition) => this.#server.bounds(topic, partition).end);
    return this.#world.network.request(this.#process, work);
  }

  bookmarked(
    _topic: Topic,
    group: string,
    partition: number,
  ): Promise<{ offset: number; note: string } | undefined> {
    const work = () => this.#server.loadBookmark(group, partition);
    return this.#world.network.request(this.#process, work);
  }

  truncate(topic: Topic, partition: number, before: number): Promise<void> {
    const { scheduler, network, faults } = this.#world;
    const cut = (): void => this.#world.cut(this.#process, topic, partition, before);
    return network.request(this.#process, () => {
      if (!scheduler.chance(faults.cutFails)) return cut();
      const fate = scheduler.pick(["unanswered", "lost", "late"] as const);
      if (fate === "unanswered") cut();
      if (fate === "late") this.#later(cut);
      throw notAnswered(topic, partition);
    });
  }

  /** Takes effect when nobody knows of it any more. */
  #later(work: () => void): void {
    const { scheduler } = this.#world;
    this.#world.lateEffects += 1;
    const lateMs = scheduler.between(1, scheduler.chance(0.5) ? ANSWER_MS_MAX : LATE_MS_MAX);
    scheduler.after(lateMs, () => {
      this.#world.lateEffects -= 1;
      work();
    });
  }

  publish(record: PublishedRecord): Promise<void> {
    return this.#world.network.request(this.#process, () => this.#world.published(record));
  }

  async close(): Promise<void> {}
}

function notAnswered(topic: Topic, partition: number): OperationalError<"LOG-002"> {
  const facts = { topic, partition, cause: "no answer" };
  return new OperationalError("LOG-002", facts, `${topic}/${partition} did not answer`);
}

/** The members of a header that a history needs. */
function short(header: string): string {
  return header.replace(/"(v|ns|trace|qos|client)":("[^"]*"|\d+),?/g, "").replaceAll('"', "");
}
