import { hostname } from "node:os";
import type { OtlpTarget } from "@millrace/shared/adapters/opentelemetry/otlp";
import { type Clock, randomName, systemClock, within } from "@millrace/shared/ports/clock";
import type { Tracer } from "@millrace/shared/ports/tracer";
import type { Config } from "../config/settings.ts";
import type { Line } from "./logger.ts";
import type { ProcessMetrics } from "./metrics.ts";

/** A collector that takes nothing is told of this often. */
const TROUBLE_TOLD_MS = 60_000;

/** What a process sends to a collector: nothing, and no library of it is loaded, where none is named. */
export interface Telemetry {
  /** undefined where no traces are sent. */
  readonly tracer: Tracer | undefined;
  /** Who speaks; the attributes of OpenTelemetry's resource. */
  readonly process: Readonly<Record<string, string>>;
  /** Begins to send metrics, where they are. */
  startMetrics(metrics: ProcessMetrics): void;
  /** Sends the rest. */
  stop(): Promise<void>;
}

export async function openTelemetry(
  config: Config,
  roles: readonly string[],
  line: Line,
  clock: Clock = systemClock,
): Promise<Telemetry> {
  const process = {
    "service.name": "millrace",
    "service.instance.id": randomName(clock, "p"),
    "host.name": hostname(),
    "millrace.roles": [...roles].sort().join(","),
  };
  const tracesUrl = config.otlpTracesEndpoint ?? urlOf(config.otlpEndpoint, "v1/traces");
  const metricsUrl = config.otlpMetricsEndpoint ?? urlOf(config.otlpEndpoint, "v1/metrics");
  if (tracesUrl === undefined && metricsUrl === undefined) {
    return { tracer: undefined, process, startMetrics: () => {}, stop: async () => {} };
  }
  const otlp = await import("@millrace/shared/adapters/opentelemetry/otlp");
  otlp.tellTroubles(rarely(clock, (why) => line("warn", "telemetry is not taken", { why })));
  const { otlpProtocol: protocol, otlpTimeout: timeoutMs } = config;
  const { tracesSampler, tracesSamplerArg, metricInterval } = config;
  const target = (url: string): OtlpTarget => ({ url, protocol, timeoutMs, process });
  const tracer =
    tracesUrl === undefined
      ? undefined
      : otlp.startTracer(target(tracesUrl), tracesSampler, tracesSamplerArg);
  let stopMetrics: (() => Promise<void>) | undefined;
  return {
    tracer,
    process,
    startMetrics(metrics) {
      if (metricsUrl === undefined) return;
      stopMetrics = otlp.startMetricExport(target(metricsUrl), metricInterval, metrics);
    },
    async stop() {
      // Whoever does not take it in time is not waited for; what is under way ends by its timeout.
      const rest = [tracer, { stop: stopMetrics }].map(async (one) => await one?.stop?.());
      await within(clock, timeoutMs, Promise.allSettled(rest));
    },
  };
}

/** By the standard: the path of a signal comes behind that of the endpoint. */
function urlOf(endpoint: string | undefined, signal: string): string | undefined {
  return endpoint === undefined ? undefined : `${endpoint.replace(/\/$/, "")}/${signal}`;
}

/** Passes a line on, and none for a while after it. */
function rarely(clock: Clock, tell: (why: string) => void): (why: string) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return (why) => {
    const now = clock.monotonicMs();
    if (now - toldMs < TROUBLE_TOLD_MS) return;
    toldMs = now;
    tell(why);
  };
}
