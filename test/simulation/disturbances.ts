import type { Faults } from "./faults.ts";
import { versions } from "./flows.ts";
import type { Process } from "./process.ts";
import { runRebuild } from "./rebuild-process.ts";
import { LASTS_MS } from "./workload.ts";
import { PARTITIONS, type World } from "./world.ts";

/** What happens to processes, groups, clocks and the store; drawn from the seed. */

type Disturbance = (world: World) => void;

const disturbances: Partial<Record<keyof Faults, Disturbance>> = {
  kills: (world) => anyProcess(world)?.kill(),
  stops: (world) => {
    const worker = world.scheduler.pick([...world.workers]);
    worker?.process.enter(() => void worker.stop().then(() => worker.process.kill()));
  },
  pauses: (world) => pause(world, anyProcess(world)),
  rebalances: (world) => world.scheduler.pick([...world.members])?.evict(),
  storms: (world) => {
    for (let i = 0; i < 8; i++) {
      const ms = world.scheduler.between(0, 4_000);
      world.scheduler.after(ms, () => world.scheduler.pick([...world.members])?.evict());
    }
  },
  wipes: (world) => {
    world.note("store", () => "is wiped");
    world.states.wipe();
  },
  setBacks: (world) => {
    world.note("store", () => "is set back");
    world.setBack();
  },
  newDeployments: (world) => {
    const name = world.scheduler.pick(["p0", "p1", "p2", "p3"]) as string;
    if (world.scheduler.chance(0.3)) undeploy(world, name);
    else deploy(world, name);
  },
  bookmarksLost: (world) => {
    world.note("group dispatch", () => "is forgotten");
    for (const { process, dispatcher } of [...world.workers]) {
      if (dispatcher !== undefined) process.kill();
    }
    world.logs.loseBookmarks();
  },
  rebuilds: (world) => {
    const partition = world.scheduler.between(0, PARTITIONS - 1);
    void runRebuild(world, partition, world.scheduler.chance(0.5));
  },
  clockJumps: (world) => {
    anyProcess(world)?.clock.jump(world.scheduler.between(-600_000, 600_000));
  },
  reconnects: (world) => world.scheduler.pick(world.devices)?.reconnect(),
  offlines: (world) => {
    world.scheduler.pick(world.devices)?.leave(world.scheduler.between(100, 8_000));
  },
  newVersions: (world) => {
    const flow = world.scheduler.pick(world.scheduler.pick(versions) ?? []);
    if (flow !== undefined) publishFlow(world, flow);
  },
};

/** @param flow stands in the registry from here on as what new instances run */
export function publishFlow(world: World, flow: (typeof versions)[number][number]): void {
  const { ns, name, version, file } = flow;
  world.note("registry", () => `${name} is ${version}`);
  const record = { v: 1, kind: "flow", ns, name, version, file, origin: "simulation" };
  const header = JSON.stringify({ v: 1, kind: "flow" });
  world.logs.write("registry", 0, [
    { key: `${ns}/${name}`, header, value: JSON.stringify(record) },
  ]);
}

/** Binds things of one's own choice: one thing may have a role in several deployments, or two in one. */
export function deploy(world: World, name: string): void {
  const { scheduler, logs, deployments } = world;
  const thing = (): string => `d${scheduler.between(0, 2)}`;
  const things = { sensor: thing(), light: thing() };
  world.note("registry", () => `${name} is ${JSON.stringify(things)}`);
  deployments.add(scheduler.now, name, things);
  const of = { v: 1, ns: "default", name, origin: "simulation" };
  const value = JSON.stringify({ ...of, kind: "deployment", flow: "pair", things });
  const header = JSON.stringify({ v: 1, kind: "deployment" });
  logs.write("registry", 0, [{ key: `default/${name}`, header, value }]);
}

function undeploy(world: World, name: string): void {
  const { scheduler, logs, deployments } = world;
  world.note("registry", () => `${name} is undeployed`);
  deployments.add(scheduler.now, name, undefined);
  const value = JSON.stringify({ v: 1, kind: "undeployed", ns: "default", name, origin: "s" });
  const header = JSON.stringify({ v: 1, kind: "undeployed" });
  logs.write("registry", 0, [{ key: `default/${name}`, header, value }]);
}

export function planDisturbances(world: World): void {
  const { scheduler, faults } = world;
  for (const [name, disturb] of Object.entries(disturbances)) {
    const rate = faults[name as keyof Faults];
    if (rate === 0) continue;
    const meanMs = 1_000 / rate;
    for (let at = next(); at < LASTS_MS; at += next()) scheduler.after(at, () => disturb(world));
    function next(): number {
      return -Math.log(1 - scheduler.random()) * meanMs;
    }
  }
}

function anyProcess(world: World): Process | undefined {
  const all = [...world.workers, ...world.gateways].map(({ process }) => process);
  all.push(...world.rebuilding);
  return world.scheduler.pick(all.filter(({ isDead }) => !isDead));
}

/** Long pauses outlast the session; whoever waits for the process looks elsewhere. */
function pause(world: World, process: Process | undefined): void {
  if (process === undefined || process.isPaused) return;
  const { scheduler } = world;
  const ms = scheduler.chance(0.5)
    ? scheduler.between(100, 3_000)
    : scheduler.between(6_000, 14_000);
  world.note(process.name, () => `sleeps for ${ms}`);
  process.pause();
  for (const member of world.members) if (member.process === process) member.evictIfSilent();
  for (const gateway of world.gateways) {
    if (gateway.process !== process) continue;
    for (const worker of world.workers) {
      for (const link of worker.links) if (link.gateway === gateway) link.breakIfSilent();
    }
    for (const device of world.devices) {
      scheduler.after(scheduler.between(1_000, 6_000), () => device.tired(gateway));
    }
  }
  scheduler.after(ms, () => {
    world.note(process.name, () => "wakes");
    process.wake();
  });
}
