import type { GatewayDirectory } from "@millrace/shared/peer/directory";
import type { CommandMessage, CommandOutcome, GatewayLink } from "@millrace/shared/peer/gateways";
import type { GatewayProcess } from "./gateway-process.ts";
import { Channel } from "./network.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

const NONE: CommandOutcome = { outcome: "none" };
const RECONNECT_MS = 300;
const SILENT_MS = 6_000;

/** A dispatcher's connection to one gateway; it breaks, and what was under way then is told as not delivered. */
export class SimulatedLink implements GatewayLink {
  readonly name: string;
  readonly #world: World;
  readonly #from: Process;
  readonly gateway: GatewayProcess;
  readonly #directory: GatewayDirectory;
  readonly #filters = new Set<string>();
  readonly #asked = new Set<(outcome: CommandOutcome) => void>();
  #open = false;
  #connection = 0;
  #endWatch: (() => void) | undefined;

  constructor(world: World, from: Process, gateway: GatewayProcess, directory: GatewayDirectory) {
    this.name = gateway.process.name;
    this.#world = world;
    this.#from = from;
    this.gateway = gateway;
    this.#directory = directory;
    gateway.process.atEnd(() => this.#breakSoon());
    from.atEnd(() => this.#endWatch?.());
    this.#connect();
  }

  #connect(): void {
    const { scheduler, network } = this.#world;
    const { gateway } = this;
    this.#connection += 1;
    const connection = this.#connection;
    scheduler.after(network.latencyMs(), () => {
      if (gateway.process.isDead || this.#from.isDead || connection !== this.#connection) return;
      gateway.process.enter(() => {
        const back = new Channel(scheduler, network, this.#from);
        const tell = (filter: string, came: boolean): void =>
          back.send(() => {
            if (connection !== this.#connection) return;
            this.#open = true;
            if (came) this.#add(filter);
            else this.#remove(filter);
          });
        this.#endWatch = gateway.watch(tell);
        for (const filter of gateway.filters) tell(filter, true);
      });
    });
  }

  #add(filter: string): void {
    this.#filters.add(filter);
    this.#directory.add("default", filter, this);
  }

  #remove(filter: string): void {
    this.#filters.delete(filter);
    this.#directory.remove("default", filter, this);
  }

  #breakSoon(): void {
    const { scheduler, network } = this.#world;
    scheduler.after(network.latencyMs(), () => this.#from.enter(() => this.break()));
  }

  /** What a link does about a gateway that answers no ping. */
  breakIfSilent(): void {
    this.#world.scheduler.after(SILENT_MS, () => {
      if (this.gateway.process.isPaused) this.#from.enter(() => this.break());
    });
  }

  break(): void {
    this.#connection += 1;
    this.#open = false;
    this.#endWatch?.();
    for (const filter of [...this.#filters]) this.#remove(filter);
    for (const resolve of this.#asked) resolve(NONE);
    this.#asked.clear();
    if (this.gateway.process.isDead) return;
    this.#world.scheduler.after(RECONNECT_MS, () => this.#connect());
  }

  deliver(message: CommandMessage): Promise<CommandOutcome> {
    if (!this.#open) return Promise.resolve(NONE);
    const { scheduler, network, faults } = this.#world;
    this.#world.executed(this.#from, message);
    return new Promise((resolve) => {
      this.#asked.add(resolve);
      const gateway = this.gateway;
      const answer = (outcome: CommandOutcome): void =>
        network.answer(this.#from, () => {
          if (this.#asked.delete(resolve)) resolve(outcome);
        });
      const hand = (): void => void gateway.deliveries.deliver(message).then(answer);
      const times = scheduler.chance(faults.linkRepeats) ? 2 : 1;
      for (let i = 0; i < times; i++) {
        scheduler.after(network.latencyMs(), () => gateway.process.enter(hand));
      }
      if (scheduler.chance(faults.linkBreaks)) this.#breakSoon();
    });
  }
}
