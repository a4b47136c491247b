import { onTestFinished } from "vitest";
import { until } from "./until.ts";

/** One of the server-sent events of a stream. */
export interface ReceivedEvent<T> {
  readonly id?: string;
  readonly event: string;
  readonly data: T;
}

/** A client of server-sent events that keeps what comes. */
export class EventStream<T> {
  readonly events: ReceivedEvent<T>[] = [];
  readonly #abort = new AbortController();

  /** @param lastEventId to go on behind */
  static async open<T>(url: string, lastEventId?: string): Promise<EventStream<T>> {
    const stream = new EventStream<T>();
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const response = await fetch(url, { headers, signal: stream.#abort.signal });
    if (!response.ok || response.body === null)
      throw new Error(`${response.status} ${await response.text()}`);
    onTestFinished(() => stream.close());
    stream.#read(response.body).catch(() => {}); // it is closed on purpose
    return stream;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      this.events.push(...blocks.flatMap((block) => eventOf<T>(block)));
    }
  }

  /** Waits until so many have come. */
  async has(count: number): Promise<readonly ReceivedEvent<T>[]> {
    await until(() => this.events.length >= count);
    return this.events;
  }

  close(): void {
    this.#abort.abort();
  }
}

function eventOf<T>(block: string): ReceivedEvent<T>[] {
  const fields = new Map(
    block.split("\n").map((line) => {
      const [name = "", ...rest] = line.split(": ");
      return [name, rest.join(": ")];
    }),
  );
  const event = fields.get("event");
  if (event === undefined) return [];
  const id = fields.get("id");
  const data = JSON.parse(fields.get("data") ?? "") as T;
  return [{ ...(id !== undefined && { id }), event, data }];
}
