import { existsSync, readFileSync } from "node:fs";
import { messageOf, OperationalError } from "@millrace/shared/errors/operational";
import { nearest } from "@millrace/shared/flow/fault";
import { parse } from "yaml";
import { type Config, DEFAULT_FOLDER, type SettingName, settings } from "./settings.ts";

/** What a value was read from, weakest first. */
type Source = "default" | "millrace.yaml" | "environment" | "flag";
interface Given {
  readonly value: unknown;
  readonly source: Source;
  /** The name by which it was given. */
  readonly name: string;
}

export interface ConfigInput {
  readonly flags: Readonly<Partial<Record<SettingName, unknown>>>;
  readonly env: NodeJS.ProcessEnv;
  /** Path of `millrace.yaml`; one that is not there is no fault. */
  readonly file: string;
  /** The one role of several that the process serves; absent where it serves all of them. */
  readonly role?: string | undefined;
}

/**
 * Flags over environment over `millrace.yaml` over defaults.
 *
 * @throws OperationalError CONFIG-001 for a name that is not known, CONFIG-002 for a value that cannot
 * be, CONFIG-003 for listening beyond loopback without a token
 */
export function loadConfig(input: ConfigInput): Config {
  const given = new Map<SettingName, Given>([
    ...fromFile(input.file),
    ...fromEnvironment(input.env),
    ...fromFlags(input.flags),
  ]);
  const value = <T>(name: SettingName): T | undefined =>
    check(name, given.get(name)) as T | undefined;
  const logUrl = value<string>("logUrl") ?? DEFAULT_FOLDER;
  const config: Config = {
    logUrl,
    stateUrl: value<string>("stateUrl") ?? stateBeside(logUrl),
    flows: value<string>("flows"),
    host: value<string>("host") ?? "127.0.0.1",
    mqttPort: value<number>("mqttPort") ?? 1883,
    httpPort: value<number>("httpPort") ?? 8080,
    peerUrl: value<string>("peerUrl"),
    topicPrefix: value<string>("topicPrefix") ?? "millrace.",
    partitions: value<number>("partitions"),
    allow: new Set(value<string[]>("allow") ?? []),
    callHosts: value<string[]>("callHosts") ?? [],
    secrets: value<string>("secrets"),
    token: value<string>("token"),
    keepUnmatched: value<boolean>("keepUnmatched") ?? true,
    retention: value<number>("retention") ?? 7 * 24 * 60 * 60 * 1000,
    journalBytesMax: value<number>("journalBytesMax") ?? 4 * 2 ** 30,
    otlpEndpoint: value<string>("otlpEndpoint"),
    otlpTracesEndpoint: value<string>("otlpTracesEndpoint"),
    otlpMetricsEndpoint: value<string>("otlpMetricsEndpoint"),
    otlpProtocol: value<Config["otlpProtocol"]>("otlpProtocol") ?? "http/protobuf",
    otlpTimeout: value<number>("otlpTimeout") ?? 3_000,
    metricInterval: value<number>("metricInterval") ?? 60_000,
    tracesSampler: value<Config["tracesSampler"]>("tracesSampler") ?? "parentbased_always_on",
    tracesSamplerArg: value<number>("tracesSamplerArg") ?? 1,
    lagMax: value<number>("lagMax") ?? 60_000,
    stallMsMax: value<number>("stallMsMax") ?? 30_000,
    stopDelay: value<number>("stopDelay") ?? 0,
    logLevel: value<Config["logLevel"]>("logLevel") ?? "info",
    sources: sourcesOf(given),
  };
  refuseMixed(config);
  refuseApart(config, input.role);
  refuseOpenHost(config);
  return Object.freeze(config);
}

const names = Object.keys(settings) as SettingName[];
const SHOWN_CHARACTERS_MAX = 200;

function fromFile(path: string): Map<SettingName, Given> {
  if (!existsSync(path)) return new Map();
  const found = new Map<SettingName, Given>();
  for (const [name, value] of Object.entries(readYaml(path))) {
    if (!names.includes(name as SettingName)) throw unknown(name, path, names);
    found.set(name as SettingName, { value, source: "millrace.yaml", name });
  }
  return found;
}

function readYaml(path: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8"), { logLevel: "error" }) ?? {};
  } catch (error) {
    throw wrong(path, path, messageOf(error).split("\n")[0] ?? "", "YAML that can be read");
  }
  if (typeof content !== "object" || Array.isArray(content)) {
    throw wrong(path, path, JSON.stringify(content), "settings, one a line");
  }
  return content as Record<string, unknown>;
}

/** Names of the client and of the tests, which are no settings of a server. */
const others = new Set(["MILLRACE_URL"]);

function fromEnvironment(env: NodeJS.ProcessEnv): Map<SettingName, Given> {
  const found = new Map<SettingName, Given>();
  const byEnv = new Map(names.map((name) => [settings[name].env as string, name]));
  for (const [name, value] of Object.entries(env)) {
    const setting = byEnv.get(name);
    if (value === undefined || value === "") continue;
    // Of what has another prefix, OpenTelemetry's libraries know more than we do.
    if (setting === undefined && !name.startsWith("MILLRACE_")) continue;
    if (isInjected(name, value) || others.has(name) || name.startsWith("MILLRACE_TEST_")) continue;
    if (setting === undefined) throw unknown(name, "the environment", [...byEnv.keys()]);
    found.set(setting, { value, source: "environment", name });
  }
  return found;
}

/** Kubernetes puts these into every pod beside a service whose name begins with millrace. */
function isInjected(name: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

function fromFlags(flags: ConfigInput["flags"]): Map<SettingName, Given> {
  const found = new Map<SettingName, Given>();
  for (const name of names) {
    const value = flags[name];
    const flag = settings[name].flag.split(" ")[0] ?? name;
    if (value !== undefined) found.set(name, { value, source: "flag", name: flag });
  }
  return found;
}

function check(setting: SettingName, given: Given | undefined): unknown {
  if (given === undefined) return undefined;
  const { schema, wanted } = settings[setting];
  const parsed = schema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  const { value } = given;
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const shown = "secret" in settings[setting] && !isAddress(text) ? "…" : withoutLogins(text);
  throw wrong(given.name, given.source, shown, wanted);
}

/** Of secrets, addresses are shown, and tokens not at all. */
function isAddress(text: string): boolean {
  return /^[a-z+]+:\/\//.test(text);
}

/** As it may be shown: a password may stand in what is no address of ours, too. */
export function withoutLogins(text: string): string {
  return text.replaceAll(/\/\/[^@/]*@/g, "//…@");
}

function stateBeside(logUrl: string): string {
  if (logUrl.startsWith("file:")) return logUrl;
  throw wrong(
    "MILLRACE_STATE_URL",
    "nowhere",
    "nothing",
    "redis://host:port: with a log on Kafka, state is shared by all processes",
  );
}

/** A folder belongs to one process: state in one cannot be shared by those that share a Kafka. */
function refuseMixed({ logUrl, stateUrl }: Config): void {
  if (!stateUrl.startsWith("file:") || stateUrl === logUrl) return;
  const wanted = logUrl.startsWith("file:")
    ? "the folder of the log, or a Redis"
    : "a Redis: with a log on Kafka, state is shared by all processes";
  throw wrong("MILLRACE_STATE_URL", "the settings", stateUrl, wanted);
}

/** With a log of its own a role would be ready, and wait for the others for ever. */
function refuseApart({ logUrl, sources }: Config, role: string | undefined): void {
  if (role === undefined || !logUrl.startsWith("file:")) return;
  const given = sources.logUrl !== "default";
  throw wrong(
    "MILLRACE_LOG_URL",
    given ? sources.logUrl : "nowhere",
    given ? logUrl : "nothing",
    `kafka://host:port: \`millrace ${role}\` shares its log with the other roles, and a folder serves one process; \`millrace start\` has all roles in one`,
  );
}

function refuseOpenHost({ host: given, token }: Config): void {
  if (token !== undefined || isLoopback(given)) return;
  const host = cut(withoutLogins(given));
  throw new OperationalError(
    "CONFIG-003",
    { host },
    `listening on ${host} would let everybody in; set MILLRACE_TOKEN, or listen on 127.0.0.1`,
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

function sourcesOf(given: ReadonlyMap<SettingName, Given>): Record<SettingName, string> {
  const entries = names.map((name) => [name, given.get(name)?.source ?? "default"] as const);
  return Object.fromEntries(entries) as Record<SettingName, string>;
}

/** What somebody gave, as far as it helps to find it. */
function cut(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

function unknown(
  given: string,
  from: string,
  known: readonly string[],
): OperationalError<"CONFIG-001"> {
  const name = cut(given);
  const near = nearest(given, known);
  const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean ${near}?`;
  return new OperationalError(
    "CONFIG-001",
    { name, from, ...(near !== undefined && { nearest: near }) },
    `${name} in ${from} is no setting of Millrace; ${hint}`,
  );
}

function wrong(
  name: string,
  from: string,
  given: string,
  wanted: string,
): OperationalError<"CONFIG-002"> {
  const value = cut(given);
  return new OperationalError(
    "CONFIG-002",
    { name, from, value, wanted },
    `${name} from ${from} is ${value}; it must be ${wanted}`,
  );
}
