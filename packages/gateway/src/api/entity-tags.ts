import { createHash } from "node:crypto";
import type { FastifyInstance } from "fastify";

/**
 * Tags what a GET is answered with, and answers 304 to who has it already (RFC 9110, 13.1.2). Neither a
 * request that has done its work nor a problem is answered so: the client has to hear of both.
 */
export function tagAnswers(app: FastifyInstance): void {
  app.addHook("onSend", async (request, reply, payload) => {
    if (request.method !== "GET" || reply.statusCode !== 200) return payload;
    if (typeof payload !== "string") return payload;
    const tag = `"${createHash("sha1").update(payload).digest("base64")}"`;
    void reply.header("etag", tag);
    if (!isAmong(tag, request.headers["if-none-match"] ?? "")) return payload;
    void reply.code(304);
    return null;
  });
}

/** By the weak comparison: a proxy may have made the tag a weak one. No tag of ours has a comma in it. */
function isAmong(tag: string, list: string): boolean {
  return list.split(",").some((one) => ["*", tag, `W/${tag}`].includes(one.trim()));
}
