import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { readOtlp } from "./otlp-body.ts";

/** OTLP, as far as tests look at it; protobuf leaves out what is empty. */
interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string };
}

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number };
}

interface Resource {
  readonly resource: { readonly attributes: readonly KeyValue[] };
}

interface SentMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly { readonly asDouble?: number }[] };
}

/** A span with the process that recorded it. */
export interface ReceivedSpan extends SentSpan {
  readonly roles: string;
}

/** A collector that keeps what it gets: a real HTTP server on a free port, for one test. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** The last value of each counter, by name and process. */
  readonly counters = new Map<string, number>();
  /** How many bodies came, by path and content type. */
  readonly bodies = new Map<string, number>();
  /** Why bodies could not be read. */
  readonly unread: string[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<OtlpReceiver> {
    const holder: { receiver?: OtlpReceiver } = {};
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const type = request.headers["content-type"] ?? "";
        const isTaken = holder.receiver?.take(request.url ?? "", type, Buffer.concat(parts));
        const answer = type.includes("json") ? "{}" : "";
        response.writeHead(isTaken === true ? 200 : 400, { "content-type": type }).end(answer);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    holder.receiver = new OtlpReceiver(server);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return holder.receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @returns whether it could be read */
  take(path: string, type: string, body: Buffer): boolean {
    const key = `${path} ${type}`;
    this.bodies.set(key, (this.bodies.get(key) ?? 0) + 1);
    try {
      const sent = readOtlp(path, type, body);
      if (path === "/v1/traces") this.#takeSpans(sent as never);
      else this.#takeMetrics(sent as never);
      return true;
    } catch (error) {
      this.unread.push(`${key}: ${String(error)}`);
      return false;
    }
  }

  #takeSpans({
    resourceSpans,
  }: {
    resourceSpans: (Resource & { scopeSpans: { spans: SentSpan[] }[] })[];
  }): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const roles = textOf(resource.attributes, "millrace.roles");
      for (const { spans } of scopeSpans)
        this.spans.push(...spans.map((span) => ({ ...span, roles })));
    }
  }

  #takeMetrics({
    resourceMetrics,
  }: {
    resourceMetrics: (Resource & { scopeMetrics: { metrics: SentMetric[] }[] })[];
  }): void {
    for (const { resource, scopeMetrics } of resourceMetrics) {
      const roles = textOf(resource.attributes, "millrace.roles");
      for (const { name, sum } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
        if (sum === undefined) continue;
        const total = sum.dataPoints.reduce((all, { asDouble = 0 }) => all + asDouble, 0);
        this.counters.set(`${roles} ${name}`, total);
      }
    }
  }

  /** The spans of a trace. */
  of(traceId: string): readonly ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** The tree of spans below one, a line each, children below their parent in the order of their names. */
  tree(
    traceId: string,
    below: string,
    tell: (span: ReceivedSpan) => string,
    indent = "",
  ): string[] {
    return this.of(traceId)
      .filter(({ parentSpanId = "" }) => parentSpanId === below)
      .map((span) => [
        `${indent}${tell(span)}`,
        ...this.tree(traceId, span.spanId, tell, `${indent}  `),
      ])
      .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1))
      .flat();
  }
}

/** An attribute as text; empty where it is not there. */
export function textOf(attributes: readonly KeyValue[], key: string): string {
  const value = attributes.find((one) => one.key === key)?.value;
  return String(value?.stringValue ?? value?.intValue ?? "");
}
