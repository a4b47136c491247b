import { CallHosts } from "@millrace/engine/dispatch/call-hosts";
import { Dispatcher } from "@millrace/engine/dispatch/dispatcher";
import { Engine } from "@millrace/engine/runtime/engine";
import { MemorySessionStore } from "@millrace/shared/adapters/memory/session-store";
import { Bug } from "@millrace/shared/errors/assert";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { Registry } from "@millrace/shared/log/registry";
import { GatewayDirectory } from "@millrace/shared/peer/directory";
import { allowAll, type Authorize } from "@millrace/shared/policy/authorize";
import { SimulatedLink } from "./gateway-link.ts";
import type { GatewayProcess } from "./gateway-process.ts";
import { HttpConnection } from "./http-host.ts";
import { LogClient } from "./log-client.ts";
import { Process } from "./process.ts";
import { StoreClient } from "./store-client.ts";
import type { World } from "./world.ts";

const hosts = new CallHosts(["*.example"]);

export interface Roles {
  readonly engine: boolean;
  readonly dispatcher: boolean;
}

/** To decide the command `bite` ends the process: it stands for a guard that loops, or takes all memory. */
function bitten(world: World, process: Process): Authorize {
  return (...request) => {
    if (!request[2].endsWith("/bite")) return allowAll(...request);
    world.bite(process);
    throw new Bug("the process is no more");
  };
}

/** An engine, a dispatcher, or both, in a process of their own. */
export class WorkerProcess {
  readonly process: Process;
  readonly roles: Roles;
  readonly registry: Registry;
  readonly engine: Engine | undefined;
  readonly dispatcher: Dispatcher | undefined;
  readonly links = new Set<SimulatedLink>();
  readonly #world: World;
  readonly #directory: GatewayDirectory;

  constructor(world: World, name: string, roles: Roles) {
    this.#world = world;
    this.roles = roles;
    this.process = new Process(name, world.scheduler);
    const { clock } = this.process;
    const log = new LogClient(world, this.process);
    const store = new StoreClient(world, this.process);
    const catalogue = world.newCatalogue();
    this.registry = new Registry(log, catalogue, clock);
    const events = new EventsWriter(log, clock, { batchRecordsMax: 3 });
    const onLine = (level: string, message: string, facts?: object): void =>
      world.line(this.process, level, message, facts);
    this.#directory = new GatewayDirectory({
      sessions: new MemorySessionStore(clock),
      clock,
      token: undefined,
      onTrouble: () => {},
    });
    if (roles.engine) {
      const registryRead = (): Promise<void> => this.registry.read();
      const options = world.engineOptions;
      const parts = { log, store, clock, catalogue, events, onLine, options, registryRead };
      this.engine = new Engine({ ...parts, authorize: bitten(world, this.process) });
    }
    if (roles.dispatcher) {
      const options = world.dispatchOptions;
      const parts = { log, store, clock, events, onLine, options };
      this.dispatcher = new Dispatcher({
        ...parts,
        gateways: this.#directory,
        calls: { http: new HttpConnection(world, this.process), hosts, secrets: undefined },
      });
    }
  }

  async start(): Promise<void> {
    await this.registry.start();
    await this.engine?.start();
    await this.dispatcher?.start();
  }

  /** A gateway of which it has just heard. */
  connect(gateway: GatewayProcess): void {
    if (this.dispatcher === undefined) return;
    this.links.add(new SimulatedLink(this.#world, this.process, gateway, this.#directory));
  }

  /** Stops as an operator would have it. */
  async stop(): Promise<void> {
    await this.engine?.stop();
    await this.dispatcher?.stop();
  }
}
