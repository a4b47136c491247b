import { Deliveries } from "@millrace/gateway/deliver/deliveries";
import { Ingest } from "@millrace/gateway/ingest/ingest";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { Registry } from "@millrace/shared/log/registry";
import { LogClient } from "./log-client.ts";
import { Process } from "./process.ts";
import type { World } from "./world.ts";

/** The real ingest and deliver code in a process of its own; sessions are the simulation's. */
export class GatewayProcess {
  readonly process: Process;
  readonly log: LogClient;
  readonly writer: EventsWriter;
  readonly ingest: Ingest;
  readonly deliveries: Deliveries;
  readonly registry: Registry;
  /** Filters with a subscriber here. */
  readonly filters = new Set<string>();
  /** Ids that this process has seen delivered. */
  readonly delivered = new Set<string>();
  readonly #watchers = new Set<(filter: string, came: boolean) => void>();

  constructor(world: World, name: string) {
    this.process = new Process(name, world.scheduler);
    const { clock } = this.process;
    const log = new LogClient(world, this.process);
    this.log = log;
    const catalogue = world.newCatalogue();
    this.registry = new Registry(log, catalogue, clock);
    this.writer = new EventsWriter(log, clock, { batchRecordsMax: 3 });
    this.ingest = new Ingest({ log, writer: this.writer, catalogue, clock, keepUnmatched: true });
    const watch = {
      subscribed: (_ns: string, filter: string) => this.#changed(filter, true),
      unsubscribed: (_ns: string, filter: string) => this.#changed(filter, false),
    };
    this.deliveries = new Deliveries(watch, 100_000);
  }

  async start(): Promise<void> {
    await this.registry.start();
  }

  #changed(filter: string, came: boolean): void {
    if (came) this.filters.add(filter);
    else this.filters.delete(filter);
    for (const watcher of this.#watchers) watcher(filter, came);
  }

  /** Tells of filters from here on. @returns what ends it */
  watch(watcher: (filter: string, came: boolean) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
