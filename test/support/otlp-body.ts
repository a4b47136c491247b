import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

/** What a body of OTLP over HTTP is, by its path. */
const messages: Readonly<Record<string, string>> = {
  "/v1/traces": "ExportTraceServiceRequest",
  "/v1/metrics": "ExportMetricsServiceRequest",
};
/** Bytes, which OTLP's JSON has as hex, and the JSON of protobuf as base64. */
const ids: readonly string[] = ["traceId", "spanId", "parentSpanId"];

const schema = protobuf.loadSync(fileURLToPath(new URL("otlp.proto", import.meta.url)));

/**
 * Reads a body as OTLP's JSON has it, whichever way it came: ids as hex, 64-bit integers as text.
 * @throws for what a collector would not take
 */
export function readOtlp(path: string, type: string, body: Buffer): unknown {
  const name = messages[path];
  if (name === undefined) throw new Error(`nothing is taken at ${path}`);
  if (type === "application/json") return JSON.parse(body.toString());
  if (type !== "application/x-protobuf") throw new Error(`nobody reads ${type}`);
  const message = schema.lookupType(name);
  const sent = message.toObject(message.decode(body), {
    longs: String,
    bytes: String,
    arrays: true,
  });
  return JSON.parse(JSON.stringify(sent), (key, value: unknown) =>
    ids.includes(key) ? Buffer.from(String(value), "base64").toString("hex") : value,
  );
}
