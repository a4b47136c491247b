import { expect, test } from "vitest";
import { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { LocalSubscription } from "@millrace/shared/adapters/local/subscription";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { sleep } from "@millrace/shared/ports/clock";
import { Devices } from "../support/devices.ts";
import { simulate } from "../support/world.ts";

const flow = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}" }
commands:
  ca: { topic: "lamp/\${thing.name}/ca" }
machine:
  on:
    a: { actions: { command: ca, payload: 1 } }
`;
test("a partition that goes and comes back while its bookmark is read", async () => {
  const world = await simulate({ flows: [flow], partitions: 2 });
  const devices = new Devices();
  const make = (log = new MemoryLog(world.logs)) =>
    new Dispatcher({
      log,
      store: new MemoryStateStore(world.states),
      clock: world.clock,
      events: world.process.events,
      gateways: devices,
      onLine: (l, m, f) => world.lines.push(`${l} ${m} ${JSON.stringify(f)}`),
    });
  for (const l of ["l1", "l2", "l3", "l4", "l5"]) await world.publish(`lamp/${l}/a`, {});
  await world.advance(200);
  let calls = 0;
  const bookmarked = LocalSubscription.prototype.bookmarked;
  LocalSubscription.prototype.bookmarked = async function (p) {
    calls += 1;
    await sleep(world.clock, calls <= 2 ? 100 : 300); // a coordinator that is slow during a rebalance
    return bookmarked.call(this, p);
  };
  const log1 = new MemoryLog(world.logs);
  const d1 = make(log1);
  await d1.start();
  await world.advance(10);
  const d2 = make();
  await d2.start();
  await world.advance(10);
  await d2.stop();
  await world.advance(10);
  await world.advance(1_020);
  d1.kill();
  await log1.close();
  await world.advance(10);
  const d3 = make();
  await d3.start();
  await world.advance(5_000);
  devices.become("online");
  await world.advance(60_000);
  expect(devices.received).toHaveLength(5);
});
