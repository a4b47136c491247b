/** What kafkajs throws, as it began, and what of it matters to us. */
export interface BrokerError {
  readonly name?: string;
  /** Kafka's own name for it. */
  readonly type?: string;
  readonly message: string;
}

/** An error of kafkajs as it began, under the wrappers of its retries. */
export function rootOf(error: unknown): BrokerError {
  let root = error as { cause?: unknown; message: string };
  while (root.cause instanceof Error) root = root.cause as typeof root;
  return root;
}

/** Errors by which a broker says that it has not taken a record, and never will. */
const refusals: ReadonlySet<string> = new Set([
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
  "INVALID_TIMESTAMP",
  "CORRUPT_MESSAGE",
  "INVALID_TOPIC_EXCEPTION",
  "POLICY_VIOLATION",
  "TOPIC_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
]);

export function isRefusal({ type = "" }: BrokerError): boolean {
  return refusals.has(type);
}

export function isUnknownTopic({ type = "" }: BrokerError): boolean {
  return type === "UNKNOWN_TOPIC_OR_PARTITION";
}

/** Errors of a broker that is starting or dying, or of a partition whose leader is moving. */
const passing: ReadonlySet<string> = new Set([
  "NOT_LEADER_FOR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
  "NOT_COORDINATOR_FOR_GROUP",
  "KAFKA_STORAGE_ERROR",
]);

/** Errors of kafkajs about one broker: another one may lead by the next attempt. */
const passingNames: ReadonlySet<string> = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
]);

export function isPassing({ type = "", name = "" }: BrokerError): boolean {
  return passing.has(type) || passingNames.has(name);
}
