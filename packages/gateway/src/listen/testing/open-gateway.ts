import { type Clock, systemClock } from "@millrace/shared/ports/clock";
import type { MqttLimits } from "../limits.ts";
import { type MqttListener, startMqttListener } from "../listener.ts";
import type { ListenLine } from "../log.ts";
import { MemoryBroker } from "./memory-broker.ts";

/** A listener on a free port, before a broker in memory. */
export interface Gateway {
  readonly listener: MqttListener;
  readonly port: number;
  readonly broker: MemoryBroker;
  readonly lines: ListenLine[];
}

const open: Gateway[] = [];

export async function openGateway(
  options: { limits?: Partial<MqttLimits>; clock?: Clock } = {},
): Promise<Gateway> {
  const broker = new MemoryBroker();
  const lines: ListenLine[] = [];
  const listener = await startMqttListener({
    host: "127.0.0.1",
    port: 0,
    broker,
    clock: options.clock ?? systemClock,
    log: (line) => lines.push(line),
    limits: { lingerMs: 200, ...options.limits },
  });
  const gateway = { listener, port: listener.port, broker, lines };
  open.push(gateway);
  return gateway;
}

/** Closes every gateway that a test opened. @throws when one of them met a bug of ours */
export async function closeGateways(): Promise<void> {
  for (const { listener, lines } of open.splice(0)) {
    await listener.close({ drainMs: 0 });
    const bug = lines.find(({ event }) => event === "bug");
    if (bug !== undefined) throw new Error(bug.reason);
  }
}

/** Waits for what a test expects to happen soon. */
export async function until(holds: () => boolean, waitMs = 5_000): Promise<void> {
  const started = performance.now();
  while (!holds()) {
    if (performance.now() - started > waitMs)
      throw new Error(`not within ${waitMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
