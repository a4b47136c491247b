import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { Clock } from "@millrace/shared/ports/clock";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { EventLog, Subscription } from "@millrace/shared/ports/event-log";
import type { LogLine } from "../runtime/engine-host.ts";
import type { Calls } from "./calls.ts";
import type { Commands } from "./commands.ts";
import type { DispatchCounters, DispatchOptions } from "./options.ts";
import type { Results } from "./results.ts";

/** What the parts of a dispatcher share. */
export interface DispatchHost {
  readonly log: EventLog;
  readonly events: EventsWriter;
  readonly commands: Commands;
  readonly calls: Calls;
  readonly results: Results;
  readonly clock: Clock;
  readonly tracer: Tracer | undefined;
  readonly options: DispatchOptions;
  readonly counters: DispatchCounters;
  readonly onLine: LogLine;
  subscription(): Subscription;
}
