import type { Instance } from "@millrace/shared/contract/instance";
import type { World } from "@millrace/shared/core/world";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { Clock } from "@millrace/shared/ports/clock";
import type { EventLog, Subscription } from "@millrace/shared/ports/event-log";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { StateStore } from "@millrace/shared/ports/state-store";
import type { BrokerClocks } from "./broker-clocks.ts";
import type { Turnstile } from "./caution.ts";
import type { EngineCounters, EngineDurations } from "./counters.ts";
import type { InHand, InputInHand } from "./in-hand.ts";
import type { EngineOptions } from "./options.ts";
import type { TimerTurns } from "./timer-turns.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogLine = (level: LogLevel, message: string, facts?: object) => void;

/** What the parts of an engine share. */
export interface EngineHost {
  /** Names this process in its claims. */
  readonly worker: string;
  readonly log: EventLog;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly catalogue: Catalogue;
  readonly events: EventsWriter;
  readonly tracer: Tracer | undefined;
  readonly world: World;
  readonly options: EngineOptions;
  readonly counters: EngineCounters;
  readonly durations: EngineDurations;
  readonly brokerClocks: BrokerClocks;
  /** Where one partition at a time takes inputs that may end the process. */
  readonly turnstile: Turnstile;
  readonly timerTurns: TimerTurns;
  readonly inHand: InHand;
  /** What an earlier process hung on, where it could leave word; told once. */
  takeHungOn(partition: number): InputInHand | undefined;
  subscription(): Subscription;
  /** Resolves when this process has read all that the registry holds now. */
  registryRead(): Promise<void>;
  /** Tells operators, once, of a version that the registry does not have. */
  checkVersion(instance: Instance): void;
  /** One partition's share of the cache. */
  cachedInstancesMax(): number;
  /** One partition's share of what may have arrived and wait. */
  arrivedBytesMax(): number;
  /** A line of a flow's `log` action. */
  onLog(level: string, message: string, facts: object): void;
  onEvent: LogLine;
}
