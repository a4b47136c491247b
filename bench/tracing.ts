/**
 * npm run bench -- tracing [--json] [--log kafka|embedded] [--instances N] [--events N] [--rounds N]
 *
 * CPU microseconds a step of the engine alone, as `npm run bench -- engine` measures them, without
 * tracing and with it: every trace sampled, one of a hundred, none. The ways take turns, round by round;
 * what counts is the median of the ratios to the way without tracing in the same round.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { measure } from "./engine/measure.ts";
import { preload } from "./engine/preload.ts";
import { type LogKind, Places } from "./places.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    log: { type: "string" },
    instances: { type: "string" },
    events: { type: "string" },
    rounds: { type: "string" },
  },
});
const instances = Number(values.instances ?? 1_000);
const events = Number(values.events ?? 300_000);
const rounds = Number(values.rounds ?? 5);

/** The share of traces that is sampled; undefined: there is no tracer. */
const ways = [undefined, 0, 0.01, 1] as const;

/** A collector that takes everything and keeps nothing. */
const collector = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200).end());
});
await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;

const places = await Places.open(values.log);

async function cpuUsPerStep(log: LogKind, sampled: number | undefined): Promise<number> {
  const place = places.next(log);
  await preload(place, events, instances);
  const { cpuSeconds, steps } = await measure({
    kind: "engine",
    place,
    instances,
    events,
    warmUp: Math.floor(events / 3),
    ...(sampled !== undefined && { tracing: { url, sampled } }),
  });
  return (cpuSeconds * 1e6) / steps;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

for (const log of places.logs) {
  const found: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    const costs: number[] = [];
    for (const sampled of ways) costs.push(await cpuUsPerStep(log, sampled));
    found.push(costs);
  }
  const rows = ways.map((sampled, way) => ({
    bench: "tracing",
    log,
    instances,
    sampled: sampled ?? "no tracing",
    cpuUsPerStep: Math.round(median(found.map((costs) => costs[way] ?? Number.NaN)) * 10) / 10,
    ratio:
      Math.round(
        median(found.map(([off = Number.NaN, ...on]) => ([off, ...on][way] ?? off) / off)) * 1_000,
      ) / 1_000,
  }));
  if (values.json) for (const row of rows) console.log(JSON.stringify(row));
  else console.table(rows.map(({ bench: _bench, ...row }) => row));
}
await places.close();
collector.closeAllConnections();
process.exit(0);
