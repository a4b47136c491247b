import { statSync } from "node:fs";
import { CallHosts } from "@millrace/engine/dispatch/call-hosts";
import { parseDurationMs } from "@millrace/shared/contract/time";
import {
  type OtlpProtocol,
  otlpProtocols,
  type SamplerName,
  samplerNames,
} from "@millrace/shared/telemetry/otlp";
import * as z from "zod";

/**
 * Every setting of every role, once: its name in `millrace.yaml`, its environment variable, its flag,
 * what it may be, and why it has the default that it has.
 */
const port = z.coerce.number().int().min(0).max(65_535);
const list = z.string().transform((text) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== ""),
);

const duration = z.string().transform((text, context) => {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom", message: "not a duration" });
  return z.NEVER;
});

const hosts = z.union([list, z.array(z.string())]).refine(areHosts);

function areHosts(entries: readonly string[]): boolean {
  try {
    return Boolean(new CallHosts(entries));
  } catch {
    return false;
  }
}

/** An address whose login and hosts can be read, several of them after each other with commas; or a folder. */
function address(form: RegExp): z.ZodString {
  return z.string().regex(form).refine(hasHosts);
}

function hasHosts(url: string): boolean {
  const parts = /^[a-z+]+:\/\/(?:([^@/]*)@)?([^/?]*)/.exec(url);
  if (parts === null) return true; // a folder
  const [, login = "", hosts = ""] = parts;
  try {
    decodeURIComponent(login);
    return hosts.split(",").every((host) => URL.canParse(`http://${host}`));
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Longer ones are mistakes, and whoever stops the process would not wait. */
const STOP_DELAY_MS_MAX = 600_000;

/** Risks that an operator can accept with MILLRACE_ALLOW. */
export const risks = [
  "single-broker",
  "unclean-election",
  "topic-settings",
  "evicting-redis",
] as const;

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;

interface SettingDefinition {
  readonly env: string;
  readonly flag: string;
  readonly schema: z.ZodType;
  readonly wanted: string;
  readonly description: string;
  readonly secret?: true;
}

export const settings = {
  logUrl: {
    env: "MILLRACE_LOG_URL",
    flag: "--log-url <url>",
    schema: address(/^(kafkas?:\/\/.+|file:.+)$/),
    wanted: "kafka://host:port,…, kafkas://user:password@host:port or file:DIR",
    description: "where the log is kept (default: file:.millrace)",
    secret: true,
  },
  stateUrl: {
    env: "MILLRACE_STATE_URL",
    flag: "--state-url <url>",
    schema: address(/^(rediss?(\+cluster)?:\/\/.+|file:.+)$/),
    wanted: "redis://host:port, redis+cluster://host:port,… or file:DIR",
    description: "where state is kept (default: the folder of the log)",
    secret: true,
  },
  flows: {
    env: "MILLRACE_FLOWS",
    flag: "--flows <dir>",
    schema: z.string().min(1),
    wanted: "a folder",
    description: "folder of flows and deployments, watched for changes",
  },
  host: {
    env: "MILLRACE_HOST",
    flag: "--host <address>",
    schema: z.string().min(1),
    wanted: "an address",
    description: "address to listen on (default: 127.0.0.1)",
  },
  mqttPort: {
    env: "MILLRACE_MQTT_PORT",
    flag: "--mqtt-port <port>",
    schema: port,
    wanted: "a port, 0 for any free one",
    description: "port for MQTT (default: 1883; 0: any free one)",
  },
  httpPort: {
    env: "MILLRACE_HTTP_PORT",
    flag: "--http-port <port>",
    schema: port,
    wanted: "a port, 0 for any free one",
    description: "port for the HTTP API, or health (default: 8080; 0: any free one)",
  },
  peerUrl: {
    env: "MILLRACE_PEER_URL",
    flag: "--peer-url <url>",
    schema: address(/^ws:\/\/[^/]+:\d+$/),
    wanted: "ws://host:port",
    description: "where other processes reach this gateway (default: any free port of the host)",
  },
  topicPrefix: {
    env: "MILLRACE_TOPIC_PREFIX",
    flag: "--topic-prefix <prefix>",
    schema: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.$/),
    wanted: "letters, digits, . _ - with a dot at the end",
    description: "before the names of topics and keys (default: millrace.)",
  },
  partitions: {
    env: "MILLRACE_PARTITIONS",
    flag: "--partitions <count>",
    schema: z.coerce.number().int().min(1).max(4_096),
    wanted: "a number from 1 to 4096",
    description: "partitions of a new log, for ever (default: 64 on Kafka, 8 embedded)",
  },
  allow: {
    env: "MILLRACE_ALLOW",
    flag: "--allow <risks>",
    schema: z.union([list, z.array(z.string())]).pipe(z.array(z.enum(risks))),
    wanted: `any of ${risks.join(", ")}`,
    description: "risks that are accepted, with commas",
  },
  callHosts: {
    env: "MILLRACE_CALL_HOSTS",
    flag: "--call-hosts <hosts>",
    schema: hosts,
    wanted:
      "hosts, addresses or ranges of addresses, with commas: api.example.com:443,*.example.org,10.0.0.0/8",
    description: "where calls of flows may go, with commas (default: nowhere)",
  },
  secrets: {
    env: "MILLRACE_SECRETS",
    flag: "--secrets <dir>",
    schema: z.string().min(1).refine(isFolder),
    wanted: "a folder that is there",
    description: "folder of the secrets that calls may use, one file each",
  },
  token: {
    env: "MILLRACE_TOKEN",
    flag: "--token <token>",
    schema: z.string().min(8),
    wanted: "at least 8 characters",
    description: "what clients and programs must give; needed beyond loopback",
    secret: true,
  },
  keepUnmatched: {
    env: "MILLRACE_KEEP_UNMATCHED",
    flag: "--keep-unmatched <true|false>",
    schema: z.union([z.boolean(), z.stringbool()]),
    wanted: "true or false",
    description: "whether publishes that no flow listens to are kept (default: true)",
  },
  retention: {
    env: "MILLRACE_RETENTION",
    flag: "--retention <duration>",
    schema: duration,
    wanted: "a duration, as 7d or 12h",
    description: "how long records are kept that nothing needs any more (default: 7d)",
  },
  journalBytesMax: {
    env: "MILLRACE_JOURNAL_BYTES_MAX",
    flag: "--journal-bytes-max <bytes>",
    schema: z.coerce
      .number()
      .int()
      .min(2 ** 20),
    wanted: "a number of bytes, 1048576 at the least",
    description: "of a partition's journal; beyond it, retention is shorter (default: 4 GiB)",
  },
  otlpEndpoint: {
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    flag: "--otlp-endpoint <url>",
    schema: address(/^https?:\/\/[^/]+/),
    wanted: "http://host:port of a collector that takes OTLP over HTTP",
    description: "where traces and metrics are sent (default: nowhere)",
  },
  otlpTracesEndpoint: {
    env: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    flag: "--otlp-traces-endpoint <url>",
    schema: address(/^https?:\/\/[^/]+/),
    wanted: "http://host:port/path of a collector that takes OTLP over HTTP",
    description:
      "where traces are sent instead, with the path (default: v1/traces of the endpoint)",
  },
  otlpMetricsEndpoint: {
    env: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    flag: "--otlp-metrics-endpoint <url>",
    schema: address(/^https?:\/\/[^/]+/),
    wanted: "http://host:port/path of a collector that takes OTLP over HTTP",
    description:
      "where metrics are sent instead, with the path (default: v1/metrics of the endpoint)",
  },
  otlpProtocol: {
    env: "OTEL_EXPORTER_OTLP_PROTOCOL",
    flag: "--otlp-protocol <protocol>",
    schema: z.enum(otlpProtocols),
    wanted: `${otlpProtocols.join(" or ")}; gRPC is not spoken`,
    description: "how traces and metrics are sent (default: http/protobuf)",
  },
  otlpTimeout: {
    env: "OTEL_EXPORTER_OTLP_TIMEOUT",
    flag: "--otlp-timeout <ms>",
    schema: z.coerce.number().int().min(100),
    wanted: "a number of milliseconds, 100 at the least",
    // The standard has 10 s, for which a process that stops would wait for a collector that is away.
    description: "how long a collector may take, in milliseconds (default: 3000)",
  },
  metricInterval: {
    env: "OTEL_METRIC_EXPORT_INTERVAL",
    flag: "--metric-interval <ms>",
    schema: z.coerce.number().int().min(100),
    wanted: "a number of milliseconds, 100 at the least",
    description: "how often metrics are sent, in milliseconds (default: 60000)",
  },
  tracesSampler: {
    env: "OTEL_TRACES_SAMPLER",
    flag: "--traces-sampler <sampler>",
    schema: z.enum(samplerNames),
    wanted: `any of ${samplerNames.join(", ")}`,
    description: "which traces are sampled (default: parentbased_always_on)",
  },
  tracesSamplerArg: {
    env: "OTEL_TRACES_SAMPLER_ARG",
    flag: "--traces-sampler-arg <ratio>",
    schema: z.coerce.number().min(0).max(1),
    wanted: "a number from 0 to 1",
    description: "the part of traces that a sampler by ratio takes (default: 1)",
  },
  lagMax: {
    env: "MILLRACE_LAG_MAX",
    flag: "--lag-max <duration>",
    schema: duration,
    wanted: "a duration, as 1m, or 0 for ever",
    description:
      "how long an engine or dispatcher by itself may be behind until it is not ready (default: 1m; 0: for ever)",
  },
  stallMsMax: {
    env: "MILLRACE_STALL_MS_MAX",
    flag: "--stall-ms-max <ms>",
    schema: z.coerce
      .number()
      .int()
      .refine((ms) => ms === 0 || (ms >= 100 && ms <= 86_400_000)),
    wanted: "milliseconds, from 100 to 86400000, or 0 for no end to it",
    description:
      "how long the process may hang before it ends itself (default: 30000; 0: for ever)",
  },
  stopDelay: {
    env: "MILLRACE_STOP_DELAY",
    flag: "--stop-delay <duration>",
    schema: duration.refine((ms) => ms <= STOP_DELAY_MS_MAX),
    wanted: "a duration up to 10m, as 5s",
    description:
      "how long it goes on when it is told to stop, with /readyz saying no, for balancers to hear it (default: 0s)",
  },
  logLevel: {
    env: "MILLRACE_LOG_LEVEL",
    flag: "--log-level <level>",
    schema: z.enum(logLevels),
    wanted: "debug, info, warn, error or silent",
    description: "what is logged (default: info)",
  },
} as const satisfies Record<string, SettingDefinition>;

export type SettingName = keyof typeof settings;

/** The settings as a process uses them: frozen, every default filled in. */
export interface Config {
  readonly logUrl: string;
  readonly stateUrl: string;
  readonly flows: string | undefined;
  readonly host: string;
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly peerUrl: string | undefined;
  readonly topicPrefix: string;
  readonly partitions: number | undefined;
  readonly allow: ReadonlySet<string>;
  readonly callHosts: readonly string[];
  readonly secrets: string | undefined;
  readonly token: string | undefined;
  readonly keepUnmatched: boolean;
  /** In milliseconds. */
  readonly retention: number;
  readonly journalBytesMax: number;
  readonly otlpEndpoint: string | undefined;
  readonly otlpTracesEndpoint: string | undefined;
  readonly otlpMetricsEndpoint: string | undefined;
  readonly otlpProtocol: OtlpProtocol;
  /** In milliseconds. */
  readonly otlpTimeout: number;
  /** In milliseconds. */
  readonly metricInterval: number;
  readonly tracesSampler: SamplerName;
  readonly tracesSamplerArg: number;
  /** In milliseconds; 0 is for ever. */
  readonly lagMax: number;
  /** 0 turns the watchdog off. */
  readonly stallMsMax: number;
  /** In milliseconds. */
  readonly stopDelay: number;
  readonly logLevel: (typeof logLevels)[number];
  /** Where each value came from. */
  readonly sources: Readonly<Record<SettingName, string>>;
}

export const DEFAULT_FOLDER = "file:.millrace";
