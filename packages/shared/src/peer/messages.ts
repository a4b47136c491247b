import * as z from "zod";

/**
 * What is said on a gateway's internal listener: JSON arrays of these, one WebSocket frame each.
 *
 * A dispatcher or another gateway connects; the gateway greets it with every filter that somebody
 * subscribes to there, and tells of each that comes and goes. Payloads are base64.
 */
const addressed = {
  ns: z.string(),
  topic: z.string(),
  payload: z.string(),
  qos: z.literal([0, 1]),
};

/** What a peer asks of a gateway. */
const request = z.discriminatedUnion("t", [
  /** Hand over a command; answered by `outcome` with the same `n`. */
  z.object({ t: z.literal("deliver"), n: z.int(), id: z.string(), ...addressed }),
  /** A device's publish, for subscribers there; not answered. */
  z.object({
    t: z.literal("publish"),
    ...addressed,
    client: z.string(),
    properties: z.record(z.string(), z.unknown()).optional(),
  }),
  /** The client connected elsewhere: end this connection of it. */
  z.object({
    t: z.literal("takeover"),
    ns: z.string(),
    client: z.string(),
    connection: z.string(),
  }),
]);

const filters = z.array(z.tuple([z.string(), z.string()]));

/** What a gateway says. */
const answer = z.discriminatedUnion("t", [
  z.object({ t: z.literal("hello"), gateway: z.string(), filters }),
  /** Filters with a first subscriber, and filters whose last one left, as [namespace, filter]. */
  z.object({ t: z.literal("filters"), add: filters, remove: filters }),
  z.object({
    t: z.literal("outcome"),
    n: z.int(),
    outcome: z.enum(["delivered", "refused", "none"]),
    code: z.int().optional(),
  }),
]);

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
