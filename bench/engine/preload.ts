import { Ingest } from "@millrace/gateway/ingest/ingest";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import { loadFlow } from "@millrace/shared/flow/load";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { Registry } from "@millrace/shared/log/registry";
import { systemClock } from "@millrace/shared/ports/clock";
import { fleetEvent, motionLight } from "./fleet.ts";
import { openPorts } from "./installation.ts";
import type { Place } from "../places.ts";

/** Fills the events topic as a gateway would. */
export async function preload(place: Place, events: number, instances: number): Promise<void> {
  const ports = await openPorts(place);
  const { log } = ports;
  const catalogue = new Catalogue(log.partitions, () => {});
  const registry = new Registry(log, catalogue, systemClock);
  await registry.start();
  const { flow } = loadFlow(motionLight, "motion-light.yaml");
  if (flow === undefined) throw new Error("the flow of the benchmark is not good");
  const { ns, name, version, file } = flow;
  await registry.publish({ v: 1, kind: "flow", ns, name, version, file, origin: "bench" } as never);
  const writer = new EventsWriter(log, systemClock);
  const parts = { log, writer, catalogue, clock: systemClock, keepUnmatched: true };
  const ingest = new Ingest(parts);
  const CHUNK = 5_000;
  for (let at = 0; at < events; at += CHUNK) {
    const chunk = Array.from({ length: Math.min(CHUNK, events - at) }, (_, i) => at + i);
    await Promise.all(
      chunk.map((n) => ingest.write({ ns, client: "bench", qos: 1, ...fleetEvent(n, instances) })),
    );
  }
  await registry.stop();
  await ports.close();
}
