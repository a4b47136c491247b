import type { MillraceProcess, TestInstallation } from "../../support/millrace.ts";

export type Role = "gateway" | "engine" | "dispatcher";
export const roles: readonly Role[] = ["gateway", "engine", "dispatcher"];

/** Two processes of every role, on one Kafka and one Redis. */
export class Six {
  readonly #installation: TestInstallation;
  readonly #processes: Record<Role, MillraceProcess[]> = {
    gateway: [],
    engine: [],
    dispatcher: [],
  };

  constructor(installation: TestInstallation) {
    this.#installation = installation;
  }

  async start(): Promise<void> {
    await Promise.all(roles.flatMap((role) => [this.#add(role), this.#add(role)]));
  }

  async #add(role: Role): Promise<void> {
    this.#processes[role].push(await this.#installation.start({ role }));
  }

  /** Ends the older of the two, in order or not. */
  async end(role: Role, how: "kill" | "stop"): Promise<void> {
    const victim = this.#processes[role].shift();
    await victim?.[how]();
  }

  async replace(role: Role): Promise<void> {
    await this.#add(role);
  }

  gateways(): string[] {
    return this.#processes.gateway.map(({ mqtt }) => mqtt);
  }

  /** Whom to ask what there is. */
  get api(): MillraceProcess {
    const [gateway] = this.#processes.gateway;
    if (gateway === undefined) throw new Error("no gateway runs");
    return gateway;
  }

  async stop(): Promise<void> {
    await Promise.all(
      Object.values(this.#processes).flatMap((all) => all.map((process) => process.stop())),
    );
  }

  /** What they wrote, for a failure's report. */
  get output(): string {
    return Object.entries(this.#processes)
      .flatMap(([role, all]) => all.map(({ pid, output }) => `--- ${role} ${pid}\n${output}`))
      .join("\n");
  }
}
