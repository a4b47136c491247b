import { CallHosts } from "@millrace/engine/dispatch/call-hosts";
import type { CallParts } from "@millrace/engine/dispatch/calls";
import { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import type { DispatchOptions } from "@millrace/engine/dispatch/options";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import type { EventsWriter } from "@millrace/shared/log/events-writer";
import type { EventLog } from "@millrace/shared/ports/event-log";
import type { Clock } from "@millrace/shared/ports/clock";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { Secrets } from "@millrace/shared/ports/secrets";
import { Denials } from "./denials.ts";
import { Devices } from "./devices.ts";
import { SimHttp } from "./sim-http.ts";
import { simulate, type World, type WorldOptions } from "./world.ts";

/** Calls that nobody makes. */
const noCalls = (clock: Clock): CallParts => ({
  http: new SimHttp(clock),
  hosts: new CallHosts([]),
  secrets: undefined,
});

/** A dispatcher of the world, not yet started; of the world's process, or of another with a log of its own. */
export function newDispatcher(
  world: World,
  devices: Devices,
  log: EventLog = world.process.log,
  events: EventsWriter = world.process.events,
  calls: CallParts = noCalls(world.clock),
  options: Partial<DispatchOptions> = {},
  tracer?: Tracer,
): Dispatcher {
  return new Dispatcher({
    log,
    store: new MemoryStateStore(world.states),
    clock: world.clock,
    events,
    gateways: devices,
    calls,
    options,
    tracer,
    onLine: (level, message, facts) =>
      world.lines.push(`${level} ${message} ${JSON.stringify(facts)}`),
  });
}

interface DispatchedOptions extends Omit<WorldOptions, "authorize"> {
  /** Where calls may go; anywhere, unless a test says otherwise. */
  readonly callHosts?: readonly string[];
  /** The secrets of calls, by name. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly dispatch?: Partial<DispatchOptions>;
  readonly tracer?: Tracer;
}

/** The world of the scenarios with the real dispatcher in it, which dies and starts with its process. */
export class DispatchedWorld {
  readonly world: World;
  readonly devices = new Devices();
  readonly denials: Denials;
  readonly http: SimHttp;
  readonly #options: DispatchedOptions;
  #dispatcher: Dispatcher | undefined;

  private constructor(world: World, denials: Denials, options: DispatchedOptions) {
    this.world = world;
    this.denials = denials;
    this.http = new SimHttp(world.clock);
    this.#options = options;
  }

  static async open(options: DispatchedOptions): Promise<DispatchedWorld> {
    const denials = new Denials();
    const world = await simulate({ ...options, authorize: denials.authorize });
    const dispatched = new DispatchedWorld(world, denials, options);
    await dispatched.startDispatcher();
    return dispatched;
  }

  get dispatcher(): Dispatcher {
    if (this.#dispatcher === undefined) throw new Error("the dispatcher is not started");
    return this.#dispatcher;
  }

  /** Another dispatcher, in the process that the world has. */
  async startDispatcher(): Promise<void> {
    const { log, events } = this.world.process;
    const { callHosts = ["*"], secrets = {}, dispatch, tracer } = this.#options;
    const calls = {
      http: this.http,
      hosts: new CallHosts(callHosts),
      secrets: { read: async (name) => secrets[name] } satisfies Secrets,
    };
    const { world, devices } = this;
    this.#dispatcher = newDispatcher(world, devices, log, events, calls, dispatch, tracer);
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
    await this.startDispatcher();
  }
}
