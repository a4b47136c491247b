import { LogEnds } from "@millrace/shared/log/log-ends";
import type { Observe } from "@millrace/shared/telemetry/observe";
import { type Snapshot, takeSnapshot } from "@millrace/shared/telemetry/snapshot";
import type { GatewayDirectory } from "@millrace/shared/peer/directory";
import type { Installation } from "./installation.ts";
import { healthOf, type Roles } from "./operations.ts";

/** All metrics of a process, looked at when somebody asks. */
export class ProcessMetrics {
  readonly #installation: Installation;
  readonly #directory: GatewayDirectory;
  readonly #roles: Roles;
  readonly #ends: LogEnds;
  readonly #startMs: number;
  readonly #process: Readonly<Record<string, string>>;

  /** @param about who speaks, for the labels of `target_info` */
  constructor(
    installation: Installation,
    directory: GatewayDirectory,
    roles: Roles,
    about: Readonly<Record<string, string>>,
  ) {
    this.#process = about;
    this.#installation = installation;
    this.#directory = directory;
    this.#roles = roles;
    this.#ends = new LogEnds(installation);
    this.#startMs = installation.clock.wallMs() - process.uptime() * 1_000;
  }

  /** When the counters began, and now; epoch ms. */
  get period(): { readonly startMs: number; readonly nowMs: number } {
    return { startMs: this.#startMs, nowMs: this.#installation.clock.wallMs() };
  }

  async snapshot(): Promise<Snapshot> {
    await this.#ends.look();
    const { events } = this.#installation;
    const { gateway, engine, dispatcher } = this.#roles;
    return takeSnapshot([
      (observe) => this.#observeProcess(observe),
      (observe) => this.#ends.observe(observe),
      (observe) => this.#directory.observe(observe),
      (observe) => events.observe(observe),
      (observe) => gateway?.observe(observe),
      (observe) => engine?.observe(observe, this.#ends.events),
      (observe) => dispatcher?.observe(observe, this.#ends.journal),
    ]);
  }

  /** As Prometheus reads it; what writes that is loaded when somebody asks for the first time. */
  async text(): Promise<string> {
    const [{ writePrometheus }, snapshot] = await Promise.all([
      import("@millrace/shared/adapters/opentelemetry/prometheus"),
      this.snapshot(),
    ]);
    return writePrometheus(snapshot, this.period, this.#process);
  }

  #observeProcess(observe: Observe): void {
    const { ready } = healthOf(this.#installation, this.#roles);
    observe("millrace.ready", ready ? 1 : 0);
    observe("millrace.store.connected", this.#installation.storeConnected() ? 1 : 0);
    observe("process.uptime", process.uptime());
    observe("process.memory.usage", process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    observe("process.cpu.time", user / 1_000_000, { "cpu.mode": "user" });
    observe("process.cpu.time", system / 1_000_000, { "cpu.mode": "system" });
  }
}
