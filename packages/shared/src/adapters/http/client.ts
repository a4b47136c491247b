import { lookup as lookupInDns, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, buildConnector, type Dispatcher } from "undici";
import {
  type AllowsAddress,
  type HttpClient,
  HttpFailure,
  type HttpFailureReason,
  type HttpRequest,
  type HttpResponse,
} from "../../ports/http-client.ts";

/** What finds the addresses of a name. */
export type Resolve = (
  host: string,
  found: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
) => void;

const inDns: Resolve = (host, found) =>
  lookupInDns(host, { all: true }, (error, addresses) => found(error, addresses));

/** How long a connection may take to be made; whoever asks waits less, or as long as this. */
const CONNECT_MS_MAX = 10_000;

/**
 * HTTP by undici. A name is looked up for each connection, and only the addresses that are allowed are
 * handed on to the socket: what was looked at is what is connected to. A connection that is used again
 * was looked at when it was made.
 */
export class UndiciClient implements HttpClient {
  readonly #agent: Agent;

  constructor(parts: { readonly allows: AllowsAddress; readonly resolve?: Resolve }) {
    this.#agent = new Agent({
      connect: guardedConnector(parts.allows, parts.resolve ?? inDns),
      allowH2: false,
      // The caller has the time: these would be by another clock.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  async send({
    method,
    url,
    headers,
    body,
    bodyBytesMax,
    signal,
  }: HttpRequest): Promise<HttpResponse> {
    try {
      const response = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: method as Dispatcher.HttpMethod,
        headers,
        ...(body !== undefined && { body }),
        signal,
      });
      return {
        status: response.statusCode,
        headers: firstOfEach(response.headers),
        body: await bytesOf(response.body, bodyBytesMax),
      };
    } catch (error) {
      throw error instanceof HttpFailure ? error : failureOf(error);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function guardedConnector(allows: AllowsAddress, resolve: Resolve): buildConnector.connector {
  return (options, connected) => {
    const host = options.hostname.replace(/^\[|\]$/g, "");
    const port = Number(options.port || (options.protocol === "https:" ? 443 : 80));
    // A socket asks nobody for the address of an address.
    if (isIP(host) !== 0 && !allows(host, host, port)) {
      connected(new HttpFailure("not-allowed", host), null);
      return;
    }
    const lookup = guardedLookup(allows, resolve, port);
    buildConnector({ timeout: CONNECT_MS_MAX, allowH2: false, lookup })(options, connected);
  };
}

function guardedLookup(allows: AllowsAddress, resolve: Resolve, port: number): LookupFunction {
  return (host, { all }, found) =>
    resolve(host, (error, addresses) => {
      const allowed = addresses?.filter(({ address }) => allows(address, host, port)) ?? [];
      const [first] = allowed;
      if (error !== null) found(error, "");
      else if (first === undefined)
        found(
          new HttpFailure("not-allowed", addresses.map(({ address }) => address).join(", ")),
          "",
        );
      else if (all === true) found(null, allowed);
      else found(null, first.address, first.family);
    });
}

async function bytesOf(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) return undefined; // to leave the loop breaks the answer off
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function firstOfEach(headers: Readonly<Record<string, string | string[] | undefined>>) {
  const entries = Object.entries(headers).flatMap(([name, value]) => {
    const first = Array.isArray(value) ? value[0] : value;
    return first === undefined ? [] : [[name, first] as const];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

const reasons: Readonly<Record<string, HttpFailureReason>> = {
  ECONNREFUSED: "refused",
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  EAI_NODATA: "dns",
  EAI_NONAME: "dns",
  ETIMEDOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_HEADERS_OVERFLOW: "too-large",
  EPROTO: "tls",
};

/** Codes alone are handed on: a message may repeat the request. */
function failureOf(error: unknown): HttpFailure {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  if (inner instanceof HttpFailure) return inner;
  const code = (inner as { code?: unknown } | null)?.code;
  if (typeof code !== "string") return new HttpFailure("connection");
  return new HttpFailure(reasons[code] ?? (isOfTls(code) ? "tls" : "connection"), code);
}

/** OpenSSL names what is wrong with a certificate: `DEPTH_ZERO_SELF_SIGNED_CERT`. */
function isOfTls(code: string): boolean {
  return /^ERR_(TLS|SSL)_|CERT|_ISSUER|UNABLE_TO_|^CRL_/.test(code);
}
