/** Whether one topic filter matches one topic (MQTT 5.0, section 4.7); a trie is for many of them. */
export function filterMatches(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  const levels = topic.split("/");
  const parts = filter.split("/");
  if (topic.startsWith("$") && (parts[0] === "+" || parts[0] === "#")) return false;
  for (const [i, part] of parts.entries()) {
    if (part === "#") return true;
    if (i >= levels.length || (part !== "+" && part !== levels[i])) return false;
  }
  return parts.length === levels.length;
}
