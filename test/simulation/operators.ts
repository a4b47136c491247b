import { redriven } from "@millrace/cli/compose/rejections";
import type { EventHeader, OperatorAction, Where } from "@millrace/shared/contract/event-record";
import { type Instance, statesOf } from "@millrace/shared/contract/instance";
import { isOperational } from "@millrace/shared/errors/operational";
import type { GatewayProcess } from "./gateway-process.ts";
import { type Counting, type JournalView, nameOf } from "./journal-view.ts";
import type { World } from "./world.ts";

/** A rejection, by its place in the journal. */
interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** How long an operator waits for an answer before giving a rejected input again once more. */
const AGAIN_MS = 20_000;

/**
 * What operators do: they pause instances, let them go on and cancel them, one or such as are in some
 * state, and give again what was rejected. When all comes to rest they leave nothing paused, and
 * nothing untaken that came for what was paused.
 */
export class Operators {
  readonly #world: World;
  /** Paused inputs that were given again, or cannot be. */
  readonly #given = new Set<string>();
  readonly #begun = new Map<string, number>();
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** One act, drawn from what there is. */
  act(gateway: GatewayProcess): void {
    const { scheduler } = this.#world;
    const found = scheduler.pick(this.#instances());
    if (found === undefined) return;
    const { instance, partition } = found;
    const what = scheduler.random();
    if (what < 0.15) return this.#operate(gateway, partition, instance, "cancel");
    if (what < 0.25) return this.#operate(gateway, partition, instance, "resume");
    this.#operate(gateway, partition, instance, "pause");
    if (!scheduler.chance(0.6)) return;
    scheduler.after(scheduler.between(20, 6_000), () => {
      const next = scheduler.pick(this.#world.gatewaysAlive());
      if (next !== undefined) this.#operate(next, partition, instance, "resume");
    });
  }

  /** Gives something again that was rejected, whatever it was. */
  redriveAny(gateway: GatewayProcess): void {
    const place = this.#world.scheduler.pick(this.#rejections().map(({ place: one }) => one));
    if (place !== undefined) this.#redrive(gateway, place, () => {});
  }

  /** What is still to be tidied up. */
  undone(): string[] {
    const paused = this.#instances().filter(({ instance }) => instance.status === "paused");
    return [
      ...paused.map(({ instance }) => `${nameOf(instance)} is paused`),
      ...this.#ungiven().map(({ place }) => `${idOf(place)} is to be redriven`),
    ];
  }

  tidyUp(): void {
    const { scheduler } = this.#world;
    const gateway = scheduler.pick(this.#world.gatewaysAlive());
    if (gateway === undefined) return;
    const paused = new Set<string>();
    for (const { instance, partition } of this.#instances()) {
      if (instance.status !== "paused") continue;
      paused.add(nameOf(instance));
      this.#operate(gateway, partition, instance, "resume", {});
    }
    for (const { place, rejected } of this.#ungiven()) {
      const id = idOf(place);
      const isUnderWay = scheduler.now - (this.#begun.get(id) ?? -Infinity) < AGAIN_MS;
      if (isUnderWay || paused.has(nameOf(rejected as never))) continue;
      this.#begun.set(id, scheduler.now);
      this.#redrive(gateway, place, (isThere) => {
        this.#given.add(id);
        if (!isThere) this.#giveUp(gateway, place, rejected);
      });
    }
  }

  /** The log has its input no more: who waits for that result waits for ever. */
  #giveUp(
    gateway: GatewayProcess,
    { partition }: Place,
    { cause, ...rejected }: Counting["body"],
  ): void {
    const text = this.#world.views[partition]?.instance(nameOf(rejected as never)) ?? "{}";
    const instance = JSON.parse(text) as Instance;
    if (cause.effect !== undefined && instance.owed !== undefined)
      this.#operate(gateway, partition, instance, "cancel", {});
  }

  #instances(): { readonly partition: number; readonly instance: Instance }[] {
    return this.#world.views.flatMap((view, partition) =>
      Array.from(view.ids, (id) => ({
        partition,
        instance: JSON.parse(view.instance(id) as string) as Instance,
      })),
    );
  }

  #rejections(): { readonly place: Place; readonly rejected: Counting["body"] }[] {
    return this.#world.views.flatMap((view: JournalView, partition) =>
      view.counting
        .filter(({ kind }) => kind === "rejected")
        .map(({ offset, body }) => ({ place: { partition, offset }, rejected: body })),
    );
  }

  #ungiven() {
    return this.#rejections().filter(
      ({ place, rejected }) =>
        (rejected as { code: string }).code === "paused" && !this.#given.has(idOf(place)),
    );
  }

  /** @param meant as one sees it now, who acts on such instances as are in a state; drawn, if absent */
  #operate(
    gateway: GatewayProcess,
    partition: number,
    instance: Instance,
    action: OperatorAction,
    meant?: Where,
  ): void {
    const { ns, flow, key } = instance;
    this.#count += 1;
    const where = meant ?? this.#where(instance);
    const said = { v: 1, kind: "operator", ns, flow, key, action, where } as const;
    // Who tidies up has to be heard: what looks like a repeat is not.
    const isLikeAnother = this.#world.scheduler.chance(0.1) && meant === undefined;
    const id = `o${isLikeAnother ? 0 : this.#count}`;
    this.#world.note(gateway.process.name, () => `${action} ${nameOf(instance)} as ${id}`);
    gateway.process.enter(() => {
      const header = { ...said, id, ...gateway.writer.stamp() } satisfies EventHeader;
      const record = { key: `${ns}/${key}`, header: JSON.stringify(header), value: "{}" };
      gateway.writer.write(partition, record).catch(() => {});
    });
  }

  #where({ state, status }: Instance): Where {
    const { scheduler } = this.#world;
    const [first] = statesOf(state);
    return {
      ...(scheduler.chance(0.4) && first !== undefined && { state: first }),
      ...(scheduler.chance(0.2) && { status }),
    };
  }

  /** @param done is told whether the log still had it, once it is given or never can be */
  #redrive(gateway: GatewayProcess, place: Place, done: (isThere: boolean) => void): void {
    this.#world.note(gateway.process.name, () => `redrives ${idOf(place)}`);
    gateway.process.enter(() => void redriveFrom(gateway, place, done));
  }
}

async function redriveFrom(
  { writer, log }: GatewayProcess,
  place: Place,
  done: (isThere: boolean) => void,
): Promise<void> {
  try {
    const { header, ...record } = await redriven(log, { ns: "default", ...place });
    const stamped = JSON.stringify({ ...header, ...writer.stamp() });
    await writer.write(place.partition, { ...record, header: stamped });
    done(true);
  } catch (error) {
    // Else it was not answered, or the process is gone: again, later.
    if (isOperational(error, "API-001", "API-002", "LOG-006")) done(false);
  }
}

function idOf({ partition, offset }: Place): string {
  return `${partition}-${offset}`;
}
