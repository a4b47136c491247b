import type { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import type { Effect } from "@millrace/shared/contract/effect";
import type { Instance } from "@millrace/shared/contract/instance";
import type {
  Checkpoint,
  JournalHeader,
  Mark,
  Rejected,
  Step,
} from "@millrace/shared/contract/journal-record";

type Kind = "step" | "rejected" | "mark" | "checkpoint" | "refresh";

/** A record of the journal that counts. */
export interface Counting {
  readonly offset: number;
  readonly time: number;
  readonly kind: Kind;
  /** Of a mark, a checkpoint or a refresh it has other members: see `kind`. */
  readonly body: Step & Rejected & Checkpoint & Mark;
  readonly text: string;
  readonly pos: JournalHeader["pos"];
  readonly trace: JournalHeader["trace"];
}

interface Raw extends Counting {
  readonly header: JournalHeader;
}

interface At<T> {
  readonly offset: number;
  readonly value: T;
}

/** What the journal says of the input up to some place. */
export interface ViewedPosition {
  readonly offset: number;
  readonly time: number;
  readonly stamps: ReadonlyMap<string, { readonly n: number; readonly time: number }>;
}

/**
 * A fold of one partition's journal, with a reader's rule of its own: it must not share a mistake with
 * the readers of the product.
 */
export class JournalFold {
  readonly gaps: number[] = [];
  readonly #instances = new Map<string, At<string>[]>();
  readonly #positions: At<ViewedPosition>[] = [
    { offset: -1, value: { offset: 0, time: 0, stamps: new Map() } },
  ];
  readonly #floor: Raw | undefined;
  #epoch = -1;
  #n = 0;

  /** @param floor the checkpoint to begin at; the beginning of all, if absent */
  constructor(floor?: Raw) {
    this.#floor = floor;
    if (floor === undefined) return;
    this.#epoch = floor.header.e ?? -1;
    this.#n = floor.header.n - 1;
  }

  get ids(): Iterable<string> {
    return this.#instances.keys();
  }

  /** @returns whether the record counts */
  take(raw: Raw): boolean {
    const { header, offset } = raw;
    if (header.kind === "claim") {
      this.#epoch = offset;
      this.#n = 0;
      return false;
    }
    if (header.e !== this.#epoch || header.n <= this.#n) return false;
    if (header.n > this.#n + 1) this.gaps.push(offset);
    this.#n = header.n;
    this.#apply(raw);
    return true;
  }

  #apply(raw: Raw): void {
    const { body, pos, offset } = raw;
    const { instance } = body as { instance?: Instance };
    if (instance !== undefined) {
      const known = this.#instances.get(nameOf(instance));
      const entry = { offset, value: JSON.stringify(instance) };
      if (known === undefined) this.#instances.set(nameOf(instance), [entry]);
      else known.push(entry);
    }
    // Who has folded all before it needs no checkpoint, and can tell whether it is right.
    if (raw === this.#floor) this.#positions.push({ offset, value: positionIn(body) });
    if (pos === undefined) return;
    const before = this.position();
    const { time } = pos;
    const moved = Object.entries(pos.stamps ?? {}).map(([w, n]) => [w, { n, time }] as const);
    const stamps = new Map([...before.stamps, ...moved]);
    this.#positions.push({ offset, value: { offset: pos.offset, time, stamps } });
  }

  /** An instance, encoded, as the journal has it below a place. */
  instance(name: string, below = Number.POSITIVE_INFINITY): string | undefined {
    return lastBelow(this.#instances.get(name) ?? [], below)?.value;
  }

  /** Where that record of it stands. */
  offsetOf(name: string, below = Number.POSITIVE_INFINITY): number {
    return lastBelow(this.#instances.get(name) ?? [], below)?.offset ?? -1;
  }

  position(below = Number.POSITIVE_INFINITY): ViewedPosition {
    return (lastBelow(this.#positions, below) as At<ViewedPosition>).value;
  }
}

/** One partition's journal as an onlooker reads it, who keeps what the log forgets. */
export class JournalView extends JournalFold {
  readonly counting: Counting[] = [];
  /** Of these, the rejections. */
  readonly rejected: Counting[] = [];
  /** Effects of steps that count, by their ids. */
  readonly effects = new Map<string, { readonly effect: Effect; readonly step: Counting }>();
  /** Checkpoints that a record that counts has named as the floor. */
  readonly floors = new Set<number>();
  /** The last checkpoint that counts. */
  checkpoint = -1;
  readonly #raw: Raw[] = [];

  /** @param floorNamed is told of each floor when it is first named */
  constructor(
    logs: MemoryLogServer,
    partition: number,
    floorNamed: (view: JournalView, floor: number) => void,
  ) {
    super();
    logs.watch((topic, changed) => {
      if (topic !== "journal" || changed !== partition) return;
      for (const { header, value, offset, time } of logs.slice(topic, partition, this.end, 1_000)) {
        this.#look(JSON.parse(header ?? "{}") as JournalHeader, value?.toString() ?? "", {
          offset,
          time,
        });
      }
      const floor = this.counting.at(-1)?.pos?.floor;
      if (floor === undefined || this.floors.has(floor)) return;
      this.floors.add(floor);
      floorNamed(this, floor);
    });
  }

  get end(): number {
    return this.#raw.length;
  }

  /** The fold of what stands from a floor on, and nothing else. */
  from(floor: number): JournalFold {
    const fold = new JournalFold(this.#raw[floor]);
    for (const raw of this.#raw.slice(floor)) fold.take(raw);
    return fold;
  }

  epochOf({ offset }: Counting): number {
    return (this.#raw[offset] as Raw).header.e ?? -1;
  }

  /** The process that wrote a record, by the name in its claim. */
  ownerOf(record: Counting): string {
    return /"worker":"([^"]+)"/.exec(this.#raw[this.epochOf(record)]?.text ?? "")?.[1] ?? "";
  }

  /** A checkpoint that is a floor. */
  floorAt(offset: number): Checkpoint {
    return (this.#raw[offset] as Raw).body;
  }

  #look(header: JournalHeader, text: string, place: { offset: number; time: number }): void {
    const body = JSON.parse(text) as Raw["body"];
    const { pos, trace } = header;
    const raw = { ...place, kind: header.kind as Kind, header, body, text, pos, trace };
    this.#raw.push(raw);
    if (!this.take(raw)) return;
    this.counting.push(raw);
    if (raw.kind === "rejected") this.rejected.push(raw);
    if (raw.kind === "checkpoint") this.checkpoint = raw.offset;
    if (raw.kind !== "step") return;
    const { instance, effects } = body;
    for (const effect of effects) {
      const id = `${nameOf(instance)}/${instance.generation}/${instance.seq}/${effect.index}`;
      this.effects.set(id, { effect, step: raw });
    }
  }
}

function lastBelow<T>(entries: readonly At<T>[], below: number): At<T> | undefined {
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i] as At<T>;
    if (entry.offset < below) return entry;
  }
  return undefined;
}

/** The position that a checkpoint holds. */
export function positionIn({ offset, time, stamps }: Checkpoint): ViewedPosition {
  const all = Object.entries(stamps).map(([w, [n, at]]) => [w, { n, time: at }] as const);
  return { offset, time, stamps: new Map(all) };
}

/** `ns/flow/key`; the names of the simulation need no encoding. */
export function nameOf({ ns, flow, key }: { ns: string; flow: string; key: string }): string {
  return `${ns}/${flow}/${key}`;
}
