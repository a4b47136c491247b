import type { Clock } from "@millrace/shared/ports/clock";
import {
  type HttpClient,
  HttpFailure,
  type HttpFailureReason,
  type HttpRequest,
  type HttpResponse,
} from "@millrace/shared/ports/http-client";

/** What a host does with a request; one that does nothing lets it wait. */
export type SimAnswer =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Buffer;
      readonly afterMs?: number;
    }
  | { readonly fails: HttpFailureReason; readonly afterMs?: number }
  | undefined;

interface Waiting {
  readonly request: HttpRequest;
  readonly take: (answer: NonNullable<SimAnswer>) => void;
}

/** All hosts there are, on the clock of the test world. */
export class SimHttp implements HttpClient {
  readonly #clock: Clock;
  /** Every request that went out, in order. */
  readonly requests: HttpRequest[] = [];
  /** Those that wait for an answer now. */
  readonly waiting = new Set<Waiting>();
  /** How many were under way at one time, at the most. */
  atOnceMax = 0;
  /** @param nth from 1, among all requests */
  host: (request: HttpRequest, nth: number) => SimAnswer = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request);
    const answer = this.host(request, this.requests.length);
    return await new Promise<HttpResponse>((resolve, reject) => {
      const waiting: Waiting = {
        request,
        take: (given) => {
          this.waiting.delete(waiting);
          if ("fails" in given) reject(new HttpFailure(given.fails));
          else resolve(responseOf(given, request.bodyBytesMax));
        },
      };
      this.waiting.add(waiting);
      this.atOnceMax = Math.max(this.atOnceMax, this.waiting.size);
      const aborted = (): void => waiting.take({ fails: "connection" });
      if (request.signal.aborted) aborted();
      request.signal.addEventListener("abort", aborted);
      if (answer !== undefined) this.#clock.after(answer.afterMs ?? 0, () => waiting.take(answer));
    });
  }

  /** Lets a host answer a request that waits. */
  answer(id: string, answer: NonNullable<SimAnswer>): void {
    const found = [...this.waiting].find(
      ({ request }) => request.headers["idempotency-key"] === id,
    );
    if (found === undefined) throw new Error(`no request of ${id} waits for an answer`);
    found.take(answer);
  }

  async close(): Promise<void> {
    for (const { take } of this.waiting) take({ fails: "connection" });
  }
}

function responseOf(
  { status, headers = {}, body = "" }: Extract<SimAnswer, { readonly status: number }>,
  bodyBytesMax: number,
): HttpResponse {
  const bytes = Buffer.from(body);
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    status,
    headers: Object.fromEntries(named) as Record<string, string>,
    body: bytes.length > bodyBytesMax ? undefined : bytes,
  };
}
