/**
 * The one header of a record on our topics.
 *
 * All metadata is packed into it as JSON: ten CloudEvents headers cost kafkajs 15 to 30 us a record to
 * encode, one costs 5 (docs/architecture.md, section 3). The payload stays the value, as it came.
 */
export const HEADER = "millrace";

/** Reads a header's JSON object. @returns undefined for anything else, never throws */
export function parseHeader(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
