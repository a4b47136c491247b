import { randomBytes } from "node:crypto";
import kafkajs, { type Admin, type ITopicMetadata } from "kafkajs";
import { OperationalError } from "../../errors/operational.ts";
import { type Bounds, RECORD_BYTES_MAX, type Topic } from "../../ports/event-log.ts";
import { rootOf } from "./broker-errors.ts";

/**
 * Our topics on the brokers: made where they are missing, checked where they are there.
 *
 *   A1 topics that are made have three replicas and want two in sync, where there are three brokers
 *   A2 servers that could lose what was acknowledged are refused, unless the operator allows that risk by name
 */
export interface TopicsWanted {
  /** Before every name, with its dot. */
  readonly prefix: string;
  /** Of `events` and `journal`, where they have to be made. */
  readonly partitions: number;
  /** Risks that the operator has accepted. */
  readonly allow: ReadonlySet<string>;
  /** Whether they have to be there: then none is made. */
  readonly existing: boolean;
}

const topics: readonly Topic[] = ["events", "journal", "registry"];

/** Deleting is the owner's work: neither Kafka's clock nor compaction knows what is void or needed. */
const settings = {
  "message.timestamp.type": "LogAppendTime",
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "max.message.bytes": String(RECORD_BYTES_MAX),
  "unclean.leader.election.enable": "false",
} as const;

/**
 * Topics that were just made have no leaders for a moment, which throws as Kafka says it: try again.
 * @returns how many partitions `events` and `journal` have
 */
export async function ensureTopics(admin: Admin, wanted: TopicsWanted): Promise<number> {
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !existing.has(wanted.prefix + topic));
  if (missing.length > 0 && wanted.existing)
    throw noLog(`there is no topic ${wanted.prefix}${missing[0]}`);
  if (missing.length > 0) await makeTopics(admin, wanted, missing);
  const metadata = await metadataOf(admin, wanted.prefix);
  refuseFewReplicas(metadata, wanted.allow);
  await refuseSettings(admin, wanted);
  const counts = metadata.map(({ name, partitions }) => ({ name, count: partitions.length }));
  return agree(counts, wanted.prefix);
}

/** What a reader says that is not to make a log. */
export function noLog(cause: string): OperationalError<"LOG-001"> {
  return new OperationalError("LOG-001", { what: "the log", cause }, `there is no log: ${cause}`);
}

async function makeTopics(
  admin: Admin,
  { prefix, partitions, allow }: TopicsWanted,
  missing: readonly Topic[],
): Promise<void> {
  const { brokers } = await admin.describeCluster();
  const replicas = Math.min(3, brokers.length);
  if (replicas < 3)
    refuse(
      `there are ${brokers.length} brokers, and 3 replicas are wanted`,
      "single-broker",
      allow,
    );
  const configEntries = Object.entries({
    ...settings,
    "min.insync.replicas": replicas >= 3 ? "2" : "1",
  }).map(([name, value]) => ({ name, value }));
  await admin
    .createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        topic: prefix + topic,
        numPartitions: topic === "registry" ? 1 : partitions,
        replicationFactor: replicas,
        configEntries,
      })),
    })
    .catch((error: unknown) => {
      // Another process made them at the same time.
      if (
        rootOf(error).type !== "TOPIC_ALREADY_EXISTS" &&
        !/already exists/.test(rootOf(error).message)
      ) {
        throw error;
      }
    });
}

async function metadataOf(admin: Admin, prefix: string): Promise<ITopicMetadata[]> {
  const names = topics.map((topic) => prefix + topic);
  return (await admin.fetchTopicMetadata({ topics: names })).topics;
}

function refuseFewReplicas(metadata: readonly ITopicMetadata[], allow: ReadonlySet<string>): void {
  for (const { name, partitions } of metadata) {
    const least = Math.min(...partitions.map(({ replicas }) => replicas.length));
    if (least < 3) refuse(`${name} has ${least} replicas, 3 are wanted`, "single-broker", allow);
  }
}

async function refuseSettings(admin: Admin, { prefix, allow }: TopicsWanted): Promise<void> {
  const resources = topics.map((topic) => ({
    type: kafkajs.ConfigResourceTypes.TOPIC,
    name: prefix + topic,
  }));
  const described = await admin.describeConfigs({ resources, includeSynonyms: false });
  for (const { resourceName, configEntries } of described.resources) {
    const found = new Map(
      configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
    const inSync = found.get("min.insync.replicas");
    if (!(Number(inSync) >= 2)) {
      refuse(
        `${resourceName} has min.insync.replicas=${inSync}, 2 are wanted`,
        "single-broker",
        allow,
      );
    }
    for (const [name, value] of Object.entries(settings)) {
      const has = found.get(name);
      if (has === value || (name === "max.message.bytes" && Number(has) >= RECORD_BYTES_MAX))
        continue;
      const risk =
        name === "unclean.leader.election.enable" ? "unclean-election" : "topic-settings";
      refuse(`${resourceName} has ${name}=${has}, ${value} is wanted`, risk, allow);
    }
  }
}

function refuse(risk: string, allowed: string, allow: ReadonlySet<string>): void {
  if (allow.has(allowed)) return;
  throw new OperationalError(
    "START-002",
    { risk, allow: allowed },
    `${risk}; change it, or accept the risk with MILLRACE_ALLOW=${allowed}`,
  );
}

function agree(counts: readonly { name: string; count: number }[], prefix: string): number {
  const countOf = (topic: Topic): number =>
    counts.find(({ name }) => name === prefix + topic)?.count ?? 0;
  const [events, journal] = [countOf("events"), countOf("journal")];
  if (events !== journal) {
    throw new OperationalError(
      "LOG-004",
      { recorded: events, found: journal },
      `${prefix}events has ${events} partitions and ${prefix}journal ${journal}; they must have the same number`,
    );
  }
  return events;
}

export function newLogId(): string {
  return randomBytes(9).toString("base64url");
}

/** Where each partition of a topic begins and ends, by its number. */
export async function topicBounds(admin: Admin, topic: string): Promise<Bounds[]> {
  const found = await admin.fetchTopicOffsets(topic);
  return found
    .sort((a, b) => a.partition - b.partition)
    .map(({ low, high }) => ({ start: Number(low), end: Number(high) }));
}
