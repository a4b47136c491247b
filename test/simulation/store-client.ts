import type { Instance } from "@millrace/shared/contract/instance";
import type { InstanceId } from "@millrace/shared/contract/names";
import type { Bookmark } from "@millrace/shared/contract/reader";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { OperationalError } from "@millrace/shared/errors/operational";
import type {
  DuePage,
  DueRange,
  InstancePage,
  InstanceQuery,
  PartitionChange,
  RejectionPage,
  RejectionQuery,
  StateStore,
  ScanPage,
  StoredPartition,
} from "@millrace/shared/ports/state-store";
import { Channel } from "./network.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** One process's connection to the memory store: calls are done in their order, but for those that overtake. */
export class StoreClient implements StateStore {
  readonly #world: World;
  readonly #process: Process;
  readonly #store: MemoryStateStore;
  readonly #out: Channel;
  readonly #back: Channel;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.#process = process;
    this.#store = new MemoryStateStore(world.states);
    this.#out = new Channel(world.scheduler, world.network);
    this.#back = new Channel(world.scheduler, world.network, process);
  }

  claim(partition: number, epoch: number, log: string): Promise<StoredPartition> {
    return this.#call(`claim ${partition} at ${epoch}`, () =>
      this.#store.claim(partition, epoch, log),
    );
  }

  restart(partition: number, epoch: number, at: StoredPartition, until: number): Promise<void> {
    return this.#call(`restart ${partition} at ${at.journal.offset} by ${epoch}`, () =>
      this.#store.restart(partition, epoch, at, until),
    );
  }

  scan(partition: number, at: Bookmark, cursor?: string): Promise<ScanPage> {
    return this.#call(`scan ${partition} at ${at.offset}`, () =>
      this.#store.scan(partition, at, cursor),
    );
  }

  count(partition: number): Promise<number> {
    return this.#call("count", () => this.#store.count(partition));
  }

  load(
    partition: number,
    ids: readonly InstanceId[],
    at: Bookmark,
  ): Promise<ReadonlyMap<InstanceId, string>> {
    return this.#call(`load ${partition} at ${at.offset}`, () =>
      this.#store.load(partition, ids, at),
    );
  }

  commit(partition: number, epoch: number, change: PartitionChange): Promise<DuePage> {
    const { from, to, input } = change;
    const what = `commit ${partition} ${from.offset}..${to.offset} input ${input.offset} by ${epoch}`;
    return this.#call(what, async () => {
      const page = await this.#store.commit(partition, epoch, change);
      this.#world.committed(partition);
      return page;
    });
  }

  due(partition: number, range: DueRange, at: Bookmark): Promise<DuePage> {
    return this.#call(`due ${partition} at ${at.offset}`, () =>
      this.#store.due(partition, range, at),
    );
  }

  instance(partition: number, id: InstanceId): Promise<Instance | undefined> {
    return this.#call("instance", () => this.#store.instance(partition, id));
  }

  history(partition: number, id: InstanceId): Promise<readonly number[]> {
    return this.#call("history", () => this.#store.history(partition, id));
  }

  instances(query: InstanceQuery): Promise<InstancePage> {
    return this.#call("instances", () => this.#store.instances(query));
  }

  rejections(query: RejectionQuery): Promise<RejectionPage> {
    return this.#call("rejections", () => this.#store.rejections(query));
  }

  parked(partition: number): Promise<readonly Instance[]> {
    return this.#call(`parked ${partition}`, () => this.#store.parked(partition));
  }

  position(partition: number): Promise<StoredPartition | undefined> {
    return this.#call(`position ${partition}`, () => this.#store.position(partition));
  }

  async close(): Promise<void> {}

  #call<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { scheduler, network, faults } = this.#world;
    return new Promise((resolve, reject) => {
      const arrives = (): void => {
        if (this.#process.isDead && scheduler.chance(0.5)) return; // it was not sent yet
        const fails = scheduler.chance(faults.storeFails);
        if (fails && scheduler.chance(0.5)) return this.#back.send(() => reject(unreachable()));
        void this.#work(work, scheduler.chance(faults.storeRepeats)).then(
          (answer) => this.#back.send(() => (fails ? reject(unreachable()) : resolve(answer))),
          (error: Error) => {
            this.#world.note(this.#process.name, () => `${what}: ${error.message}`);
            this.#back.send(() => reject(error));
          },
        );
        if (!/^(due|position|parked)/.test(what)) this.#world.note(this.#process.name, () => what);
      };
      if (scheduler.chance(faults.storeOvertakes)) scheduler.after(network.latencyMs(), arrives);
      else this.#out.send(arrives);
    });
  }

  /** A client that lost its connection sends what was not answered again; the second answer is heard. */
  async #work<T>(work: () => Promise<T>, twice: boolean): Promise<T> {
    if (twice) await work().catch(() => {});
    return await work();
  }
}

function unreachable(): OperationalError<"STATE-003"> {
  const facts = { url: "memory:", cause: "the connection broke" };
  return new OperationalError("STATE-003", facts, "the store cannot be reached");
}
