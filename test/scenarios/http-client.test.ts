import { readFileSync } from "node:fs";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { CallHosts } from "@millrace/engine/dispatch/call-hosts";
import { type Resolve, UndiciClient } from "@millrace/shared/adapters/http/client";
import { HttpFailure } from "@millrace/shared/ports/http-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { HttpHost } from "../support/http-host.ts";

/**
 * The real HTTP client before real servers, with names that say now this and now that.
 *
 * Attacks: H2 of calls.ts.
 */

const pem = (name: string): string =>
  readFileSync(new URL(`../support/tls/localhost.${name}`, import.meta.url), "utf8");

/** @param addresses what each look-up of a name finds, one after the other; the last one for ever */
function clientOf(callHosts: readonly string[], ...addresses: readonly (readonly string[])[]) {
  let lookups = 0;
  const resolve: Resolve = (_host, found) => {
    const addressesNow = addresses[Math.min(lookups, addresses.length - 1)] ?? [];
    lookups += 1;
    setImmediate(() =>
      found(
        null,
        addressesNow.map((address) => ({ address, family: 4 })),
      ),
    );
  };
  const hosts = new CallHosts(callHosts);
  const { allowsAddress: allows } = hosts;
  const client = new UndiciClient(addresses.length === 0 ? { allows } : { allows, resolve });
  onTestFinished(() => client.close());
  return {
    lookups: () => lookups,
    get: async (url: string) => {
      const request = { method: "GET", url: new URL(url), headers: {}, bodyBytesMax: 100 };
      try {
        return (await client.send({ ...request, signal: new AbortController().signal })).status;
      } catch (error) {
        return error instanceof HttpFailure ? `${error.reason} ${error.detail}` : String(error);
      }
    },
  };
}

/** An answer after which the connection is not used again. */
const answer = (_: unknown, response: Parameters<Parameters<typeof HttpHost.open>[0]>[1]): void => {
  response.writeHead(200, { connection: "close" }).end();
};

describe("a name whose address changes", () => {
  test("is looked at for each connection, by the address that is connected to", async () => {
    const mine = await HttpHost.open(answer);
    const inner = await HttpHost.open(answer, { address: "127.0.0.2", port: mine.port });
    const allowed = ["people.example", `127.0.0.1:${mine.port}`];
    const { get, lookups } = clientOf(allowed, ["127.0.0.1"], ["127.0.0.2"]);
    const url = `http://people.example:${mine.port}/`;
    expect(await get(url)).toBe(200);
    expect(await get(url)).toBe("not-allowed 127.0.0.2");
    expect([mine.connections, inner.connections, lookups()]).toEqual([1, 0, 2]);
  });

  test("is taken by those of its addresses that are allowed", async () => {
    const mine = await HttpHost.open(answer);
    const inner = await HttpHost.open(answer, { address: "127.0.0.2", port: mine.port });
    const allowed = ["people.example", "127.0.0.1"];
    const { get } = clientOf(allowed, ["127.0.0.2", "127.0.0.1"]);
    expect(await get(`http://people.example:${mine.port}/`)).toBe(200);
    expect([mine.connections, inner.connections]).toEqual([1, 0]);
  });

  test("is not connected to where none is allowed, over https neither", async () => {
    const inner = await HttpHost.open(answer);
    const { get } = clientOf(["people.example"], ["127.0.0.1"]);
    expect(await get(`http://people.example:${inner.port}/`)).toBe("not-allowed 127.0.0.1");
    expect(await get(`https://people.example:${inner.port}/`)).toBe("not-allowed 127.0.0.1");
    expect(inner.connections).toBe(0);
  });
});

describe("an address in a URL", () => {
  test.each(["127.0.0.1", "0x7f.0.0.1", "[::ffff:127.0.0.1]"])(
    "is looked at, too: %s",
    async (host) => {
      const inner = await HttpHost.open(answer);
      const { get } = clientOf(["*"]);
      expect(await get(`http://${host}:${inner.port}/`)).toMatch(
        /^not-allowed (127|::ffff:7f00:1)/,
      );
      expect(inner.connections).toBe(0);
    },
  );
});

describe("https", () => {
  test("wants a certificate that is trusted, and takes it by the name of the URL", async () => {
    const tls = { key: pem("key"), cert: pem("pem") };
    const secure = await HttpHost.open(answer, { tls });
    const url = `https://localhost:${secure.port}/`;
    expect(await clientOf(["localhost"], ["127.0.0.1"]).get(url)).toMatch(/^tls .*CERT/);
    expect(secure.arrived).toEqual([]);

    const trusted = getCACertificates();
    setDefaultCACertificates([...trusted, pem("pem")]);
    onTestFinished(() => setDefaultCACertificates(trusted));
    expect(await clientOf(["localhost"], ["127.0.0.1"]).get(url)).toBe(200);
    const other = clientOf(["other.example", "127.0.0.1"], ["127.0.0.1"]);
    expect(await other.get(`https://other.example:${secure.port}/`)).toMatch(/^tls .*ALTNAME/);
    expect(secure.arrived).toHaveLength(1);
  });

  test("is no http", async () => {
    const plain = await HttpHost.open(answer);
    const { get } = clientOf(["localhost"], ["127.0.0.1"]);
    expect(await get(`https://localhost:${plain.port}/`)).toMatch(/^tls /);
  });
});

test("an answer that stops half way ends with its request, and so does its connection", async () => {
  const closed = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const host = await HttpHost.open((_, response) => {
    response.once("close", closed.resolve);
    response.writeHead(200, { "content-length": "10" }).write("half", () => begun.resolve());
  });
  const client = new UndiciClient({ allows: () => true });
  onTestFinished(() => client.close());
  const abort = new AbortController();
  const url = new URL(`http://127.0.0.1:${host.port}/`);
  const sending = client.send({
    method: "GET",
    url,
    headers: {},
    bodyBytesMax: 10,
    signal: abort.signal,
  });
  const failed = expect(sending).rejects.toBeInstanceOf(HttpFailure);
  await begun.promise;
  abort.abort();
  await Promise.all([failed, closed.promise]);
});

describe("a name that is not there", () => {
  test.each(["ENOTFOUND", "EAI_AGAIN"])("has no address: %s", async (code) => {
    const resolve: Resolve = (host, found) =>
      found(Object.assign(new Error(`no ${host}`), { code }), []);
    const client = new UndiciClient({ allows: () => true, resolve });
    onTestFinished(() => client.close());
    const url = new URL("http://nobody.example/");
    const { signal } = new AbortController();
    const sending = client.send({ method: "GET", url, headers: {}, bodyBytesMax: 1, signal });
    await expect(sending).rejects.toMatchObject({ reason: "dns", detail: code });
  });
});
