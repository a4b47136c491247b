import { isOperational, messageOf } from "@millrace/shared/errors/operational";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import { claim } from "./claim.ts";
import type { EngineHost } from "./engine-host.ts";
import { OwnershipLost } from "./journal-writer.ts";
import type { Tenure } from "./tenure.ts";
import type { TenureFacts } from "./tenure-facts.ts";

/** What an operator must repair before the partition can go on; claiming anew would not help. */
const fatal = ["LOG-003", "LOG-004", "LOG-005", "LOG-006", "LOG-007", "STATE-004"] as const;

export const ownerStates = ["claiming", "running", "stopped", "failed"] as const;
export type OwnerState = (typeof ownerStates)[number];

/**
 * Keeps one partition owned for as long as the group says that it is ours: one tenure after another,
 * each with a claim and a memory of its own.
 *
 * A lost tenure is followed by a new claim only when the group, asked anew, confirms that the
 * partition is ours: otherwise two workers would void each other in turn.
 */
export class PartitionOwner {
  readonly partition: number;
  readonly #host: EngineHost;
  #tenure: Tenure | undefined;
  #stopped = false;
  readonly #stop = Promise.withResolvers<false>();
  #running: Promise<void> = Promise.resolve();
  #state: OwnerState = "claiming";

  constructor(partition: number, host: EngineHost) {
    this.partition = partition;
    this.#host = host;
  }

  get state(): OwnerState {
    return this.#state;
  }

  /** How far the input is decided. */
  get inputOffset(): number | undefined {
    return this.#tenure?.inputOffset;
  }

  /** How its tenure stands; undefined while there is none. */
  get facts(): TenureFacts | undefined {
    return this.#tenure?.facts;
  }

  /** How long the oldest record that has arrived waits to be decided; 0 where none does. */
  get waitingMs(): number {
    return this.#tenure?.waitingMs() ?? 0;
  }

  start(): void {
    this.#running = this.#run();
  }

  arrive(records: readonly LogRecord[]): void {
    this.#tenure?.arrive(records);
  }

  /** Gives the partition up: finishes what is under way and lets the store catch up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stop.resolve(false);
    this.#tenure?.end();
    await this.#running;
  }

  kill(): void {
    this.#stopped = true;
    this.#stop.resolve(false);
    this.#tenure?.end(new Error("killed"));
  }

  async #run(): Promise<void> {
    const { subscription, clock, options, onEvent } = this.#host;
    while (!this.#stopped) {
      try {
        this.#state = "claiming";
        this.#tenure = await claim(this.partition, this.#host, () => this.#stopped);
        if (this.#stopped) return;
        this.#state = "running";
        const from = this.#tenure.inputOffset;
        onEvent("debug", "partition claimed", { partition: this.partition, input: from });
        subscription().resume(this.partition);
        subscription().seek(this.partition, from);
        await this.#tenure.run();
      } catch (error) {
        if (this.#stopped) return;
        // What the log lacks of a tenure that runs, a newer owner has cut.
        const isOutdated = this.#state === "running" && isOperational(error, "LOG-006");
        if (isOperational(error, ...fatal) && !isOutdated) return this.#fail(error);
        if (!isExpected(error)) return this.#fail(error);
        this.#host.counters.lost += 1;
        onEvent("warn", "partition claimed anew", {
          partition: this.partition,
          why: messageOf(error),
        });
        await new Promise<void>((resolve) => clock.after(options.reclaimMs, resolve));
        if (!(await this.#confirmed())) return;
      } finally {
        this.#tenure = undefined;
      }
    }
    this.#state = "stopped";
  }

  /**
   * Asks the group until it answers: who is cut off from it may hold what is another's by now, and would
   * void its records. When it is not ours, the group will say so, and say when it is ours again.
   */
  async #confirmed(): Promise<boolean> {
    const { subscription, clock, options } = this.#host;
    for (;;) {
      if (this.#stopped) return false;
      try {
        const ours = await Promise.race([
          subscription().confirm(this.partition),
          this.#stop.promise,
        ]);
        if (!ours) this.#state = "stopped";
        return ours;
      } catch {
        await new Promise<void>((resolve) => clock.after(options.reclaimMs, resolve));
      }
    }
  }

  #fail(error: unknown): void {
    this.#state = "failed";
    this.#host.onEvent("error", "partition stopped", {
      partition: this.partition,
      why: messageOf(error),
      ...(isOperational(error) ? {} : { stack: error instanceof Error ? error.stack : undefined }),
    });
  }
}

/** The world failing, or another owner: what a new claim can mend. Anything else is a bug. */
function isExpected(error: unknown): boolean {
  return error instanceof OwnershipLost || isOperational(error);
}
