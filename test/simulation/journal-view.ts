import type { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import type { Effect } from "@millrace/shared/contract/effect";
import type { Instance } from "@millrace/shared/contract/instance";
import type { JournalHeader, Rejected, Step } from "@millrace/shared/contract/journal-record";

/** A record of the journal that counts. */
export interface Counting {
  readonly offset: number;
  readonly time: number;
  readonly kind: "step" | "rejected" | "mark";
  readonly body: Step & Rejected;
  readonly text: string;
  readonly pos: JournalHeader["pos"];
}

interface At<T> {
  readonly offset: number;
  readonly value: T;
}

/** What the journal says of the input up to some place. */
export interface ViewedPosition {
  readonly offset: number;
  readonly time: number;
  readonly stamps: ReadonlyMap<string, number>;
}

/**
 * One partition's journal as an onlooker reads it, with a reader's rule of its own: it must not share a
 * mistake with the readers of the product.
 */
export class JournalView {
  readonly counting: Counting[] = [];
  /** Effects of steps that count, by their ids. */
  readonly effects = new Map<string, { readonly effect: Effect; readonly step: Counting }>();
  readonly gaps: number[] = [];
  readonly #logs: MemoryLogServer;
  readonly #partition: number;
  readonly #instances = new Map<string, At<string>[]>();
  readonly #positions: At<ViewedPosition>[] = [
    { offset: -1, value: { offset: 0, time: 0, stamps: new Map() } },
  ];
  #next = 0;
  #epoch = -1;
  #n = 0;

  constructor(logs: MemoryLogServer, partition: number) {
    this.#logs = logs;
    this.#partition = partition;
  }

  get end(): number {
    return this.#next;
  }

  get ids(): Iterable<string> {
    return this.#instances.keys();
  }

  /** Reads what has come since. */
  advance(): this {
    const all = this.#logs.all("journal", this.#partition);
    for (; this.#next < all.length; this.#next++) {
      const { header: text = "{}", value, time } = all[this.#next] as (typeof all)[number];
      const header = JSON.parse(text) as JournalHeader;
      if (header.kind === "claim") {
        this.#epoch = this.#next;
        this.#n = 0;
      } else if (header.e === this.#epoch && header.n > this.#n) {
        if (header.n > this.#n + 1) this.gaps.push(this.#next);
        this.#n = header.n;
        this.#take(header, this.#next, time, value?.toString() ?? "");
      }
    }
    return this;
  }

  #take({ kind, pos }: JournalHeader, offset: number, time: number, text: string): void {
    const body = JSON.parse(text) as Step & Rejected;
    const record = { offset, time, kind, body, text, pos } as Counting;
    this.counting.push(record);
    if (kind === "step") {
      for (const effect of body.effects) this.#addEffect(effect, record);
    }
    const { instance } = body as { instance?: Instance };
    if (instance !== undefined) {
      const known = this.#instances.get(nameOf(instance));
      const entry = { offset, value: JSON.stringify(instance) };
      if (known === undefined) this.#instances.set(nameOf(instance), [entry]);
      else known.push(entry);
    }
    if (pos === undefined) return;
    const before = this.position();
    const stamps = new Map([...before.stamps, ...Object.entries(pos.stamps ?? {})]);
    this.#positions.push({ offset, value: { offset: pos.offset, time: pos.time, stamps } });
  }

  #addEffect(effect: Effect, step: Counting): void {
    const { instance } = step.body;
    const id = `${nameOf(instance)}/${instance.generation}/${instance.seq}/${effect.index}`;
    this.effects.set(id, { effect, step });
  }

  /** An instance, encoded, as the journal has it below a place. */
  instance(name: string, below = Number.POSITIVE_INFINITY): string | undefined {
    return lastBelow(this.#instances.get(name) ?? [], below);
  }

  position(below = Number.POSITIVE_INFINITY): ViewedPosition {
    return lastBelow(this.#positions, below) as ViewedPosition;
  }
}

function lastBelow<T>(entries: readonly At<T>[], below: number): T | undefined {
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i] as At<T>;
    if (entry.offset < below) return entry.value;
  }
  return undefined;
}

/** `ns/flow/key`; the names of the simulation need no encoding. */
export function nameOf({ ns, flow, key }: { ns: string; flow: string; key: string }): string {
  return `${ns}/${flow}/${key}`;
}
