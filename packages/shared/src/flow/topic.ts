/** MQTT topic names and filters: MQTT 5.0, sections 4.7.1 to 4.7.3. */

const TOPIC_BYTES_MAX = 1024;
const TOPIC_LEVELS_MAX = 32;

/** @returns what is wrong with a topic filter of an input, or undefined */
export function filterFault(filter: string): string | undefined {
  const common = commonFault(filter);
  if (common !== undefined) return common;
  const levels = filter.split("/");
  for (const [i, level] of levels.entries()) {
    if (level.includes("+") && level !== "+") return "`+` stands alone in its level";
    if (!level.includes("#")) continue;
    if (level !== "#" || i < levels.length - 1) return "`#` stands alone in the last level";
  }
  if (filter.startsWith("$")) return "topics that begin with `$` are reserved";
  return undefined;
}

/** @returns what is wrong with a topic to publish to, or undefined */
export function topicFault(topic: string): string | undefined {
  const common = commonFault(topic);
  if (common !== undefined) return common;
  if (/[+#]/.test(topic)) return "a topic to publish to has no wildcards";
  if (topic.startsWith("$")) return "topics that begin with `$` are reserved";
  return undefined;
}

/** Whether there are topics that fit both filters. */
export function filtersMeet(a: string, b: string): boolean {
  const [as, bs] = [a.split("/"), b.split("/")];
  for (let i = 0; ; i++) {
    const [x, y] = [as[i], bs[i]];
    if (x === "#" || y === "#") return true;
    if (x === undefined || y === undefined) return x === y;
    if (x !== y && x !== "+" && y !== "+") return false;
  }
}

function commonFault(topic: string): string | undefined {
  if (topic === "") return "a topic is not empty";
  if (topic.includes("\0")) return "a topic has no U+0000";
  if (!topic.isWellFormed()) return "a topic has no half characters (lone surrogates)";
  if (Buffer.byteLength(topic) > TOPIC_BYTES_MAX)
    return `a topic has at most ${TOPIC_BYTES_MAX} bytes`;
  if (topic.split("/").length > TOPIC_LEVELS_MAX)
    return `a topic has at most ${TOPIC_LEVELS_MAX} levels`;
  return undefined;
}
