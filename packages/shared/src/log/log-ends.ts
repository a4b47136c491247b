import type { Catalogue } from "../flow/catalogue.ts";
import { type Clock, within } from "../ports/clock.ts";
import type { EventLog } from "../ports/event-log.ts";
import type { Observe } from "../telemetry/observe.ts";

/** Who looks waits no longer than this; what is answered later is there for the next one. */
const LOOK_MS_MAX = 1_000;

/**
 * Where the logs end, as far as one process knows: asked when somebody looks, and kept with its age for
 * the time when nobody answers.
 */
export class LogEnds {
  readonly #log: EventLog;
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  #ends: Readonly<Record<"events" | "journal", ReadonlyMap<number, number>>> = {
    events: new Map(),
    journal: new Map(),
  };
  #looking: Promise<void> | undefined;
  /** When this was last heard, and when all of the registry was last known to be read. */
  #heardMs: number;
  #currentMs: number;

  constructor(parts: { log: EventLog; catalogue: Catalogue; clock: Clock }) {
    this.#log = parts.log;
    this.#catalogue = parts.catalogue;
    this.#clock = parts.clock;
    this.#heardMs = parts.clock.monotonicMs();
    this.#currentMs = this.#heardMs;
  }

  /** By partition. */
  get events(): ReadonlyMap<number, number> {
    return this.#ends.events;
  }

  get journal(): ReadonlyMap<number, number> {
    return this.#ends.journal;
  }

  /** Asks where they end, one question at a time. Never throws: what is known grows old instead. */
  async look(): Promise<void> {
    this.#looking ??= this.#ask()
      .catch(() => {})
      .finally(() => {
        this.#looking = undefined;
      });
    await within(this.#clock, LOOK_MS_MAX, this.#looking);
  }

  async #ask(): Promise<void> {
    const askedMs = this.#clock.monotonicMs();
    const [events, journal, [registry = 0]] = await Promise.all([
      this.#log.ends("events"),
      this.#log.ends("journal"),
      this.#log.ends("registry"),
    ]);
    this.#ends = { events: new Map(events.entries()), journal: new Map(journal.entries()) };
    this.#heardMs = askedMs;
    if (this.#catalogue.offset >= registry) this.#currentMs = askedMs;
  }

  observe(observe: Observe): void {
    const now = this.#clock.monotonicMs();
    observe("millrace.knowledge.age", (now - this.#heardMs) / 1_000, { of: "log-ends" });
    observe("millrace.knowledge.age", (now - this.#currentMs) / 1_000, { of: "registry" });
  }
}
