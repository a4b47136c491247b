import {
  type HttpClient,
  HttpFailure,
  type HttpRequest,
  type HttpResponse,
} from "@millrace/shared/ports/http-client";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** How late a host may answer: longer than any attempt waits. */
const LATE_MS_MAX = 8_000;

/**
 * One process's way to the hosts that flows call. A host knows what it has done by its Idempotency-Key;
 * it may answer late, with an error, or never, and be reached though nobody hears its answer.
 */
export class HttpConnection implements HttpClient {
  readonly #world: World;
  readonly #process: Process;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.#process = process;
  }

  send({ url, headers, body, signal }: HttpRequest): Promise<HttpResponse> {
    const { scheduler, network, faults } = this.#world;
    const id = headers["idempotency-key"] ?? "";
    this.#world.note(this.#process.name, () => `calls ${url.host} ${id}`);
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new HttpFailure("connection")));
      const fails = (): void =>
        network.answer(this.#process, () => reject(new HttpFailure("refused")));
      if (scheduler.chance(faults.callsRefused)) return fails();
      scheduler.after(network.latencyMs(), () => {
        if (this.#process.isDead && scheduler.chance(0.5)) return; // it was not sent yet
        const response = this.#answer(id, url, body);
        if (scheduler.chance(faults.callsSilent)) return;
        const lateMs = scheduler.chance(faults.callsLate) ? scheduler.between(0, LATE_MS_MAX) : 0;
        scheduler.after(lateMs, () => {
          if (scheduler.chance(faults.linkBreaks)) return fails();
          network.answer(this.#process, () => resolve(response));
        });
      });
    });
  }

  /** What a host does: once for each key, though it may be asked again and again. */
  #answer(id: string, url: URL, body: string | undefined): HttpResponse {
    const { scheduler, faults } = this.#world;
    const times = this.#world.called(this.#process, id, url.href, body);
    const status = scheduler.chance(faults.callsFail)
      ? (scheduler.pick([404, 429, 500, 503]) as number)
      : 200;
    const headers = { "content-type": "application/json", "retry-after": "1" };
    return { status, headers, body: Buffer.from(JSON.stringify({ times })) };
  }

  async close(): Promise<void> {}
}
