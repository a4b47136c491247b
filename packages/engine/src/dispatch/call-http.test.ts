import type { CallEffect, CallRequest } from "@millrace/shared/contract/effect";
import { describe, expect, test } from "vitest";
import {
  answerOf,
  requestOf,
  retryAfterMs,
  tellableHost,
  urlOf,
  withSecrets,
} from "./call-http.ts";

const url = new URL("https://api.example.com/x");

function request(more: Partial<CallRequest>): CallRequest {
  return { method: "POST", url: url.href, headers: {}, timeoutMs: 1, retries: 0, ...more };
}

function sent(more: Partial<CallRequest>) {
  return requestOf(request(more), { url, id: "the-id", trace: undefined });
}

describe("what goes out", () => {
  test.each([
    [{ a: 1 }, {}, '{"a":1}', "application/json"],
    ["text", {}, '"text"', "application/json"],
    [null, {}, "null", "application/json"],
    ["a=1&b=2", { "Content-Type": "application/x-www-form-urlencoded" }, "a=1&b=2", undefined],
    ["<a/>", { "content-type": "application/xml" }, "<a/>", undefined],
    ["text", { "content-type": "application/vnd.api+json" }, '"text"', undefined],
    [{ a: 1 }, { "content-type": "text/plain" }, '{"a":1}', undefined],
  ])("for the body %j with the headers %j is %s", (body, headers, text, type) => {
    const { body: written, headers: names } = sent({ body, headers: headers as never });
    expect(written).toBe(text);
    expect(names["content-type"]).toBe(type ?? Object.values(headers)[0]);
  });

  test("has no body and no type of it where the flow has none", () => {
    expect(sent({})).toEqual({
      method: "POST",
      url,
      headers: { "user-agent": "millrace", "idempotency-key": "the-id" },
    });
  });

  test("has the effect's id for a key, whatever the flow says, and the flow's trace if it has one", () => {
    const headers = { "Idempotency-Key": "another", Traceparent: "mine", "User-Agent": "u" };
    const made = requestOf(request({ headers }), { url, id: "the-id", trace: "00-1-2-00" });
    expect(made.headers).toEqual({
      "idempotency-key": "the-id",
      traceparent: "mine",
      "user-agent": "u",
    });
  });

  test("has its secrets where the flow put them, and nothing else changed", async () => {
    const template = request({
      url: "",
      headers: { a: "", b: "plain" },
      body: { list: ["x", ""], __proto__: null, "${secret.x}": "${secret.x}" },
      secrets: [
        { path: ["url"], parts: ["https://", { secret: "host" }, "/", { secret: "x" }] },
        { path: ["headers", "a"], parts: ["Bearer ", { secret: "x" }] },
        { path: ["body", "list", 1], parts: [{ secret: "x" }] },
      ],
    });
    const before = JSON.stringify(template);
    const secrets = { read: async (name: string) => `<${name}>` };
    const filled = await withSecrets(template, secrets);
    expect(filled).toMatchObject({
      url: "https://<host>/<x>",
      headers: { a: "Bearer <x>", b: "plain" },
      body: { list: ["x", "<x>"], "${secret.x}": "${secret.x}" },
    });
    expect(JSON.stringify(template)).toBe(before);
    await expect(withSecrets(template, undefined)).rejects.toMatchObject({ reason: "secret" });
  });

  test.each(["javascript:alert(1)", "file:///etc/passwd", "//x", "", "http://"])(
    "goes to no URL like `%s`",
    (text) => {
      expect(() => urlOf(request({ url: text }))).toThrow(/the URL/);
    },
  );
});

describe("what an answer is", () => {
  const bodyOf = (type: string | undefined, body: string | Buffer, more = {}) =>
    answerOf({
      status: 200,
      headers: { ...(type !== undefined && { "content-type": type }), ...more },
      body: Buffer.from(body),
    }).body;

  test.each([
    ["application/json", '{"a":[1]}', { a: [1] }],
    ["application/json; charset=utf-8", "null", null],
    ["application/problem+json", '{"a":1}', { a: 1 }],
    ["application/json", "not JSON", "not JSON"],
    ["application/json", '{"constructor":1}', '{"constructor":1}'],
    ["application/json", "[1e999]", "[1e999]"],
    [
      "application/json",
      `${"[".repeat(200)}${"]".repeat(200)}`,
      `${"[".repeat(200)}${"]".repeat(200)}`,
    ],
    ["text/plain", "7", "7"],
    ["text/html; charset=ISO-8859-1", Buffer.from([0xe9]), "é"],
    ["application/xml", "<a/>", "<a/>"],
    ["text/plain", Buffer.from([0xff]), "/w=="],
    ["text/plain; charset=nonsense", "a", "YQ=="],
    ["application/octet-stream", "a", "YQ=="],
    ["application/jsonish", "1", "MQ=="],
    [undefined, "a", "YQ=="],
    ["application/json", "", null],
  ])("of the type %s, for %j", (type, body, value) => {
    expect(bodyOf(type, body)).toEqual(value);
  });

  test("that is packed is bytes", () => {
    expect(bodyOf("application/json", "1", { "content-encoding": "gzip" })).toBe("MQ==");
  });

  test("has a few headers, and none that is long", () => {
    const headers = {
      "set-cookie": "a=b",
      authorization: "x",
      etag: "e".repeat(5_000),
      link: "<l>",
    };
    expect(answerOf({ status: 200, headers, body: undefined }).headers).toEqual({
      etag: "e".repeat(1_024),
      link: "<l>",
    });
  });
});

test.each([
  ["7", 7_000],
  ["0", 0],
  [undefined, 0],
  ["soon", 0],
  ["-5", 0],
  ["Thu, 01 Jan 1970 00:00:10 GMT", 9_000],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
])("with `Retry-After: %s` a host asks for %i ms", (value, ms) => {
  expect(retryAfterMs(value, 1_000)).toBe(ms);
});

test.each([
  [[{ secret: "x" }, "/path"], "the host"],
  [["https://", { secret: "x" }, ".example.com/"], "the host"],
  [["https://api.example.com", { secret: "x" }], "the host"],
  [["https://api.example.com:", { secret: "x" }], "the host"],
  [["https://api.example.com/", { secret: "x" }], "api.example.com"],
  [["https://api.example.com?k=", { secret: "x" }], "api.example.com"],
])("of a URL written as %j, %s is told", (parts, told) => {
  const effect = { secrets: [{ path: ["url"], parts }] } as unknown as CallEffect;
  expect(tellableHost(effect, url)).toBe(told);
  const elsewhere = { secrets: [{ path: ["body", "url"], parts }] } as unknown as CallEffect;
  expect(tellableHost(elsewhere, url)).toBe("api.example.com");
});
