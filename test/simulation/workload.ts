import type { GatewayProcess } from "./gateway-process.ts";
import { partitionOf } from "@millrace/shared/contract/partition";
import { PARTITIONS, type World } from "./world.ts";

/** What devices, people and operators say, and when; drawn from the seed. */

export const LASTS_MS = 20_000;

const types = "set set set move move ping ask odd begin work".split(" ");

export function planWorkload(world: World): void {
  const { scheduler } = world;
  const count = scheduler.between(25, 45);
  for (let n = 0; n < count; n++) {
    scheduler.after(scheduler.between(0, LASTS_MS), () => say(world, n));
  }
}

function say(world: World, n: number): void {
  const { scheduler } = world;
  const what = scheduler.random();
  const gateway = scheduler.pick(world.gatewaysAlive());
  if (what < 0.06 && gateway !== undefined) return signal(world, gateway, n);
  if (what < 0.08) return strange(world);
  if (what < 0.15 && gateway !== undefined) return world.operators.act(gateway);
  if (what < 0.18 && gateway !== undefined) return world.operators.redriveAny(gateway);
  const device = scheduler.pick(world.devices);
  const bites = world.isPoisonous && scheduler.chance(0.06);
  const type = bites ? "bite" : (scheduler.pick(types) as string);
  const payload = payloadOf(world, n);
  world.note(device?.name ?? "", () => `publishes ${n} ${type} ${payload}`);
  device?.publish(n, type, Buffer.from(payload));
}

/** Mostly as it ought to be; sometimes members are missing, or it is no JSON at all. */
function payloadOf(world: World, n: number): string {
  const { scheduler } = world;
  if (scheduler.chance(0.03)) return `{"u":${n},`;
  return JSON.stringify({
    u: n,
    ...(scheduler.chance(0.5) && { id: `id${n}` }),
    ...(!scheduler.chance(0.06) && { level: scheduler.between(0, 9) }),
    ...(!scheduler.chance(0.1) && { n: scheduler.between(0, 9) }),
    ...(!scheduler.chance(0.05) && { room: scheduler.pick(["a", "b", "d0"]) }),
  });
}

/** A person says something to an instance; some programs do not know where its key lives. */
function signal(world: World, gateway: GatewayProcess, n: number): void {
  const { scheduler } = world;
  const key = scheduler.pick(world.devices)?.name ?? "";
  const to = { ns: "default", flow: "lamp", key };
  const right = partitionOf(`default/${key}`, PARTITIONS);
  const where = scheduler.chance(0.4) ? { where: { state: scheduler.pick(["on", "off"]) } } : {};
  const partition = scheduler.chance(0.3) ? scheduler.between(0, PARTITIONS - 1) : right;
  gateway.process.enter(() => {
    const stamp = gateway.writer.stamp();
    const said = { v: 1, kind: "signal", ...to, type: "nudge", id: `s${n}`, ...where };
    const record = {
      key: `default/${key}`,
      header: JSON.stringify({ ...said, ...stamp }),
      value: "{}",
    };
    gateway.writer.write(partition, record).catch(() => {});
  });
}

/** What another program writes to the log. */
function strange(world: World): void {
  const partition = world.scheduler.between(0, PARTITIONS - 1);
  world.logs.write("events", partition, [{ key: null, header: "{}", value: "what?" }]);
}

/** Two more events for every device: each instance is alive, whatever happened to it, and each deployment. */
export function sayLastWords(world: World): void {
  for (const [i, device] of world.devices.entries()) {
    for (const [n, type] of [
      [1_000 + i, "set"],
      [1_100 + i, "move"],
    ] as const) {
      const payload = JSON.stringify({ u: n, level: 1, room: "a" });
      world.note(device.name, () => `publishes ${n} ${type} ${payload}`);
      device.publish(n, type, Buffer.from(payload));
    }
  }
}
