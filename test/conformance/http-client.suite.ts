import { type HttpClient, HttpFailure, type HttpRequest } from "@millrace/shared/ports/http-client";
import { describe, expect, test } from "vitest";

/** What a host does with a request; `silence` is no answer, `breaks` the end of the connection. */
export type Handler = (request: {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}) =>
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Buffer;
    }
  | "silence"
  | "breaks";

/** A client, and how a host of it is opened and closed again. */
export interface HttpWorld {
  readonly client: HttpClient;
  /** @returns where it is: `http://…` */
  serve(handler: Handler): Promise<string>;
  /** An address at which nobody listens. */
  readonly nowhere: string;
}

/** What every HttpClient promises. */
export function httpClientSuite(name: string, open: () => Promise<HttpWorld>): void {
  const request = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
    method: "GET",
    url: new URL(url),
    headers: {},
    bodyBytesMax: 1_024,
    signal: new AbortController().signal,
    ...more,
  });
  const failureOf = (sending: Promise<unknown>): Promise<unknown> =>
    sending.then(
      () => "no failure",
      (error: unknown) => (error instanceof HttpFailure ? error.reason : error),
    );

  describe(`HttpClient kept by ${name}`, () => {
    test("hands a request over as it is, and the answer back", async () => {
      const { client, serve } = await open();
      const seen: unknown[] = [];
      const url = await serve(({ method, path, headers, body }) => {
        seen.push({ method, path, body, key: headers["idempotency-key"] });
        return { status: 201, headers: { "X-Request-Id": "r1" }, body: Buffer.from([0, 255]) };
      });
      const headers = { "idempotency-key": "k1" };
      const sent = request(`${url}/a%20b?c=d`, { method: "POST", headers, body: "{}" });
      const { status, headers: answered, body } = await client.send(sent);
      expect(seen).toEqual([{ method: "POST", path: "/a%20b?c=d", body: "{}", key: "k1" }]);
      expect([status, answered["x-request-id"], body]).toEqual([201, "r1", Buffer.from([0, 255])]);
    });

    test.each([204, 302, 404, 503])(
      "takes %i for an answer, and follows nowhere",
      async (status) => {
        const { client, serve } = await open();
        let requests = 0;
        const url = await serve(() => {
          requests += 1;
          return { status, headers: { location: "/elsewhere" } };
        });
        const response = await client.send(request(url));
        expect([response.status, response.body, requests]).toEqual([status, Buffer.of(), 1]);
        expect(response.headers["location"]).toBe("/elsewhere");
      },
    );

    test("reads an answer up to its limit, and not beyond", async () => {
      const { client, serve } = await open();
      const url = await serve(({ path }) => ({
        status: 200,
        body: "x".repeat(Number(path.slice(1))),
      }));
      expect((await client.send(request(`${url}/1024`))).body).toHaveLength(1_024);
      expect(await client.send(request(`${url}/1025`))).toMatchObject({
        status: 200,
        body: undefined,
      });
      expect((await client.send(request(`${url}/7`))).body).toHaveLength(7);
    });

    test("says so where nobody listens", async () => {
      const { client, nowhere } = await open();
      expect(await failureOf(client.send(request(nowhere)))).toBe("refused");
    });

    test("says so where the connection breaks, and asks once only", async () => {
      const { client, serve } = await open();
      let requests = 0;
      const url = await serve(() => {
        requests += 1;
        return "breaks";
      });
      expect(await failureOf(client.send(request(url)))).toBe("connection");
      expect(requests).toBe(1);
    });

    test("ends a request that is aborted, before it is sent and while it waits", async () => {
      const { client, serve } = await open();
      const arrived = Promise.withResolvers<void>();
      const url = await serve(() => {
        arrived.resolve();
        return "silence";
      });
      expect(await failureOf(client.send(request(url, { signal: AbortSignal.abort() })))).toBe(
        "connection",
      );
      const abort = new AbortController();
      const sending = failureOf(client.send(request(url, { signal: abort.signal })));
      await arrived.promise;
      abort.abort();
      expect(await sending).toBe("connection");
    });

    test("ends what is under way when it is closed", async () => {
      const { client, serve } = await open();
      const arrived = Promise.withResolvers<void>();
      const url = await serve(() => {
        arrived.resolve();
        return "silence";
      });
      const sending = failureOf(client.send(request(url)));
      await arrived.promise;
      await client.close();
      expect(await sending).toBe("connection");
    });
  });
}
