import { OTLPMetricExporter as JsonMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtobufMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { DiagLogLevel, diag } from "@opentelemetry/api";
import {
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import {
  MeterProvider,
  type MetricProducer,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import { definitionOf } from "../../telemetry/metrics.ts";
import type { OtlpProtocol, SamplerName } from "../../telemetry/otlp.ts";
import type { Snapshot } from "../../telemetry/snapshot.ts";
import { metricDataOf, type Period } from "./metric-data.ts";
import { SdkTracer } from "./tracer.ts";

/** Where telemetry goes, and how; what is not said here the libraries take from the standard `OTEL_…`. */
export interface OtlpTarget {
  /** With the path of the signal. */
  readonly url: string;
  readonly protocol: OtlpProtocol;
  /** How long one export may take, repeats included. */
  readonly timeoutMs: number;
  /** What there is to tell of the process. */
  readonly process: Readonly<Record<string, string>>;
}

/** The operator's own words, `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, come before ours. */
function resourceOf(process: OtlpTarget["process"]): Resource {
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector];
  return resourceFromAttributes(process).merge(detectResources({ detectors }));
}

/** @param ratio of traces that are sampled, where the sampler asks for one */
export function startTracer(
  { url, protocol, timeoutMs, process }: OtlpTarget,
  sampler: SamplerName,
  ratio: number,
): SdkTracer {
  const Exporter = protocol === "http/json" ? JsonTraceExporter : ProtobufTraceExporter;
  return new SdkTracer({
    exporter: new Exporter({ url, timeoutMillis: timeoutMs }),
    sampler: samplerOf(sampler, ratio),
    resource: resourceOf(process),
  });
}

function samplerOf(name: SamplerName, ratio: number): Sampler {
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}

/** What is sent from time to time. */
export interface MetricSource {
  snapshot(): Promise<Snapshot>;
  readonly period: Period;
}

/** Sends the metrics of a process from now on. @returns what ends it, after it has sent them once more */
export function startMetricExport(
  { url, protocol, timeoutMs, process }: OtlpTarget,
  intervalMs: number,
  source: MetricSource,
): () => Promise<void> {
  const Exporter = protocol === "http/json" ? JsonMetricExporter : ProtobufMetricExporter;
  const resource = resourceOf(process);
  const producer: MetricProducer = {
    async collect() {
      const naming = (name: Parameters<typeof definitionOf>[0]) => ({
        name,
        unit: definitionOf(name).unit,
      });
      const metrics = metricDataOf(await source.snapshot(), source.period, naming);
      const scopeMetrics = [{ scope: { name: "millrace" }, metrics }];
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
    },
  };
  const reader = new PeriodicExportingMetricReader({
    exporter: new Exporter({ url, timeoutMillis: timeoutMs }),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(intervalMs, timeoutMs),
    metricProducers: [producer],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return () => provider.shutdown();
}

/** What the libraries have to say, mostly that nobody takes what they send. */
export function tellTroubles(tell: (why: string) => void): void {
  const nothing = (): void => {};
  const logger = { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
