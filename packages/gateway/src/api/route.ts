import type { ErrorCode } from "@millrace/shared/errors/catalogue";
import type * as z from "zod";

/** What may fail where the store is looked at, the log is read, the log is written. */
export const lookUp: readonly ErrorCode[] = ["STATE-003", "STATE-005"];
export const reading: readonly ErrorCode[] = [...lookUp, "LOG-001"];
export const writing: readonly ErrorCode[] = [...reading, "LOG-002"];

/** What a request of a route brings, checked. */
export interface Asked<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** W3C `traceparent` that came with the request, where it is one. */
  readonly traceparent?: string | undefined;
}

/** One operation of the API: what it takes, what it answers, and who does the work. */
export interface Route<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
> {
  readonly method: "GET" | "POST";
  /** Under `/v1`, as OpenAPI writes it: `/instances/{flow}/{key}`. */
  readonly path: `/${string}`;
  /** Its name for clients that are made from the document. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answer: {
    readonly status: 200 | 202;
    readonly description: string;
    readonly schema: z.ZodType;
  };
  /**
   * Operations that an answer leads to, by their ids: where in the answer their path's parameters are,
   * as JSON pointers.
   */
  readonly links?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Beside those that every route with such inputs may answer with. */
  readonly problems?: readonly ErrorCode[];
  handle(asked: Asked<z.infer<P>, z.infer<Q>, z.infer<B>>): unknown;
}

/** An operation whose answer goes on, as server-sent events. */
export interface StreamRoute<P extends z.ZodType = z.ZodType, Q extends z.ZodType = z.ZodType>
  extends Omit<Route<P, Q, never>, "handle" | "method" | "body"> {
  /** @param lastEventId where a client that was cut off goes on */
  stream(
    asked: Asked<P["_output"], Q["_output"], undefined> & { readonly lastEventId?: string },
  ): Promise<Source>;
}

/** What a stream is fed from, once it is known that it can be served. */
export interface Source {
  /** Feeds a client. @returns what ends it */
  open(sink: Sink): () => void;
}

/** Where a source puts its events. */
export interface Sink {
  send(event: StreamEvent): void;
  /** Ends the stream; the client asks again and goes on behind the last id. */
  end(): void;
}

export interface StreamEvent {
  /** To go on behind. */
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

/** Ties what a route takes to the types of its handler. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  route: Route<P, Q, B>,
): Route {
  return route as unknown as Route;
}

export function streamRoute<P extends z.ZodType, Q extends z.ZodType>(
  route: StreamRoute<P, Q>,
): StreamRoute {
  return route as unknown as StreamRoute;
}

export type AnyRoute = Route | StreamRoute;

export function isStream(route: AnyRoute): route is StreamRoute {
  return "stream" in route;
}
