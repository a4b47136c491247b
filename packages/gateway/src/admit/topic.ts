import { type Refusal, refuse } from "./refusals.ts";

/** What a topic or filter may be at most; MQTT itself allows 65,535 bytes and as many levels. */
export interface TopicLimits {
  /** In UTF-8 bytes. */
  readonly topicBytesMax: number;
  /** Levels are what stands between slashes: `a/b` has two. */
  readonly topicLevelsMax: number;
}

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const DOLLAR = 0x24;

/** Checks the topic of a publish or a will (4.7). */
export function checkTopicName(topic: string, limits: TopicLimits): Refusal | undefined {
  let levels = 1;
  for (let i = 0; i < topic.length; i++) {
    const char = topic.charCodeAt(i);
    if (char === SLASH) levels++;
    else if (char === PLUS || char === HASH) {
      return refuse("malformed-packet", "a topic has no wildcards [MQTT-3.3.2-2]");
    } else if (char === 0) {
      return refuse("malformed-packet", "a topic has no U+0000 [MQTT-4.7.3-2]");
    }
  }
  if (topic === "") return refuse("malformed-packet", "a topic is not empty [MQTT-4.7.3-1]");
  return checkSize("topic-name-invalid", topic, levels, limits);
}

/** Topics that begin with `$` belong to the server (4.7.2); no client publishes to them yet. */
export function isReserved(topic: string): boolean {
  return topic.charCodeAt(0) === DOLLAR;
}

/** Checks the filter of a subscription (4.7.1). */
export function checkTopicFilter(filter: string, limits: TopicLimits): Refusal | undefined {
  if (filter === "") return refuse("topic-filter-invalid", "a filter is not empty [MQTT-4.7.3-1]");
  if (filter.includes("\0")) {
    return refuse("malformed-packet", "a filter has no U+0000 [MQTT-4.7.3-2]");
  }
  const levels = filter.split("/");
  for (const [i, level] of levels.entries()) {
    if (level.includes("#") && (level !== "#" || i !== levels.length - 1)) {
      return refuse("topic-filter-invalid", "# stands alone in the last level [MQTT-4.7.1-1]");
    }
    if (level.includes("+") && level !== "+") {
      return refuse("topic-filter-invalid", "+ stands alone in its level [MQTT-4.7.1-2]");
    }
  }
  return checkSize("topic-filter-invalid", filter, levels.length, limits);
}

export function isSharedFilter(filter: string): boolean {
  return filter.startsWith("$share/");
}

function checkSize(
  refused: "topic-name-invalid" | "topic-filter-invalid",
  text: string,
  levels: number,
  limits: TopicLimits,
): Refusal | undefined {
  if (levels > limits.topicLevelsMax) {
    return refuse(refused, `${levels} levels, at most ${limits.topicLevelsMax} are taken`);
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.topicBytesMax) {
    return refuse(refused, `${bytes} bytes, at most ${limits.topicBytesMax} are taken`);
  }
  return undefined;
}
