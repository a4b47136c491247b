export interface ServerSentEvent {
  readonly id?: string;
  /** Its JSON, parsed. */
  readonly data: unknown;
}

/** The events of a stream of ours: each has one line of data. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      const id = /^id: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) yield { data: JSON.parse(data) as unknown, ...(id && { id }) };
    }
  }
}
