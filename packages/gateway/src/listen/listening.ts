import type { Clock } from "@millrace/shared/ports/clock";
import type { Deliveries } from "../deliver/deliveries.ts";
import type { Broker } from "./broker.ts";
import type { Clients } from "./clients.ts";
import type { Connection } from "./connection.ts";
import type { Counters } from "./counters.ts";
import type { DeadlineWheel } from "./deadline-wheel.ts";
import type { MqttLimits } from "./limits.ts";
import type { ListenLog } from "./log.ts";
import type { Flusher } from "./outlet.ts";
import type { ReadingGate } from "./reading-gate.ts";
import type { Tally } from "./tally.ts";

/** What all connections of one listener share. */
export interface Listening {
  readonly broker: Broker;
  readonly limits: MqttLimits;
  readonly clock: Clock;
  readonly log: ListenLog;
  readonly counters: Counters;
  readonly deliveries: Deliveries;
  readonly clients: Clients;
  readonly connections: Set<Connection>;
  readonly wheel: DeadlineWheel;
  readonly flusher: Flusher;
  readonly gate: ReadingGate;
  /** Publishes that the broker has not answered, of ended connections too. */
  readonly underWay: Tally;
  /** Connections whose socket is not closed. */
  readonly open: Tally;
}
