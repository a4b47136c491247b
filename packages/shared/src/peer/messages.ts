import * as z from "zod";

/**
 * What is said on a gateway's internal listener: JSON arrays of these, one WebSocket frame each.
 *
 * A dispatcher or another gateway connects; the gateway greets it with every filter that somebody
 * subscribes to there, and tells of each that comes and goes. Payloads are base64.
 */
const BYTES_MAX = 65_535;
/** What goes into an MQTT packet: its length has two bytes there. */
const text = z
  .string()
  .refine((value) => Buffer.byteLength(value) <= BYTES_MAX, `more than ${BYTES_MAX} bytes`);
const name = z.string().max(1_024);

/** MQTT 5 properties of a publish; bytes are base64. */
const properties = z.strictObject({
  payloadFormatIndicator: z.literal([0, 1]).optional(),
  contentType: text.optional(),
  responseTopic: text.optional(),
  correlationData: z.string().max(90_000).optional(),
  userProperties: z.array(z.tuple([text, text])).optional(),
});

const addressed = {
  ns: name,
  topic: text,
  payload: z.string(),
  qos: z.literal([0, 1]),
};

/** What a peer asks of a gateway. */
const request = z.discriminatedUnion("t", [
  /** Hand over a command; answered by `outcome` with the same `n`. */
  z.object({
    t: z.literal("deliver"),
    n: z.int(),
    id: z.string(),
    ...addressed,
    trace: name.optional(),
  }),
  /** A device's publish, for subscribers there; not answered. */
  z.object({
    t: z.literal("publish"),
    ...addressed,
    client: text,
    properties: properties.optional(),
  }),
  /** The client connected elsewhere: end this connection of it. */
  z.object({
    t: z.literal("takeover"),
    ns: name,
    client: text,
    connection: name,
  }),
]);

/** No gateway takes a filter of so many levels from a client. */
const LEVELS_MAX = 1_000;
const filter = text
  .min(1)
  .refine((value) => value.split("/").length <= LEVELS_MAX, `more than ${LEVELS_MAX} levels`);
const filters = z.array(z.tuple([name, filter]));

/** What a gateway says. */
const answer = z.discriminatedUnion("t", [
  z.object({ t: z.literal("hello"), gateway: name, filters }),
  /** Filters with a first subscriber, and filters whose last one left, as [namespace, filter]. */
  z.object({ t: z.literal("filters"), add: filters, remove: filters }),
  z.object({
    t: z.literal("outcome"),
    n: z.int(),
    outcome: z.enum(["delivered", "refused", "none"]),
    code: z.int().optional(),
  }),
]);

/** As they are sent. */
export type PeerProperties = z.infer<typeof properties>;
export type PeerRequest = z.infer<typeof request>;
export type PeerAnswer = z.infer<typeof answer>;

/** @throws Error for a frame that no version of ours sent */
export function parseRequests(frame: string): PeerRequest[] {
  return z.array(request).parse(JSON.parse(frame));
}

/** @throws Error for a frame that no version of ours sent */
export function parseAnswers(frame: string): PeerAnswer[] {
  return z.array(answer).parse(JSON.parse(frame));
}
