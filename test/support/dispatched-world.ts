import { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { EventLog } from "@millrace/shared/ports/event-log";
import { Denials } from "./denials.ts";
import { Devices } from "./devices.ts";
import { simulate, type World, type WorldOptions } from "./world.ts";

/** A dispatcher of the world, not yet started; of the world's process, or of another with a log of its own. */
export function newDispatcher(
  world: World,
  devices: Devices,
  log: EventLog = world.process.log,
  events: EventsWriter = world.process.events,
): Dispatcher {
  return new Dispatcher({
    log,
    store: new MemoryStateStore(world.states),
    clock: world.clock,
    events,
    gateways: devices,
    onLine: (level, message, facts) =>
      world.lines.push(`${level} ${message} ${JSON.stringify(facts)}`),
  });
}

/** The world of the scenarios with the real dispatcher in it, which dies and starts with its process. */
export class DispatchedWorld {
  readonly world: World;
  readonly devices = new Devices();
  readonly denials: Denials;
  readonly #wrap: (events: EventsWriter) => EventsWriter;
  #dispatcher: Dispatcher | undefined;

  private constructor(
    world: World,
    denials: Denials,
    wrap: (events: EventsWriter) => EventsWriter,
  ) {
    this.world = world;
    this.denials = denials;
    this.#wrap = wrap;
  }

  /** @param wrap what stands between the dispatcher and the log of events */
  static async open(
    options: Omit<WorldOptions, "authorize">,
    wrap = (events: EventsWriter): EventsWriter => events,
  ): Promise<DispatchedWorld> {
    const denials = new Denials();
    const world = await simulate({ ...options, authorize: denials.authorize });
    const dispatched = new DispatchedWorld(world, denials, wrap);
    await dispatched.#start();
    return dispatched;
  }

  get dispatcher(): Dispatcher {
    if (this.#dispatcher === undefined) throw new Error("the dispatcher is not started");
    return this.#dispatcher;
  }

  async #start(): Promise<void> {
    const { log, events } = this.world.process;
    this.#dispatcher = newDispatcher(this.world, this.devices, log, this.#wrap(events));
    await this.#dispatcher.start();
    await this.rest();
  }

  /** Lets everything that this moment holds happen. */
  async rest(): Promise<void> {
    for (let round = 0; round < 5; round++) await this.world.advance(0);
  }

  /** The process dies, and another starts on the same servers. */
  async crash(): Promise<void> {
    this.dispatcher.kill();
    await this.world.crashAndRecover();
    await this.#start();
  }
}
