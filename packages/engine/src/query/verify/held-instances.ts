import type { InstanceId } from "@millrace/shared/contract/names";

/** A part of all keys: those whose hash lies in `[from, to)`. */
export interface Slice {
  readonly from: number;
  readonly to: number;
}

const HASHES = 2 ** 32;
export const allKeys: Slice = { from: 0, to: HASHES };

/** What an instance costs besides its text. */
const OVERHEAD_BYTES = 500;

interface Held<T> {
  readonly hash: number;
  readonly value: T;
  bytes: number;
}

/**
 * What is kept of the instances of a slice, in so many bytes. Where they are more, the slice becomes
 * narrower: what falls out of it is forgotten, and belongs to a later pass over the same records.
 */
export class HeldInstances<T> {
  readonly #held = new Map<InstanceId, Held<T>>();
  readonly #bytesMax: number;
  #slice: Slice;
  #bytes = 0;

  constructor(slice: Slice, bytesMax: number) {
    this.#slice = slice;
    this.#bytesMax = bytesMax;
  }

  /** What it has become. */
  get slice(): Slice {
    return this.#slice;
  }

  /** @param key of the instance, which all inputs of it have */
  wants(key: string): boolean {
    const { from, to } = this.#slice;
    if (from === 0 && to === HASHES) return true;
    const hash = hashOf(key);
    return hash >= from && hash < to;
  }

  get(id: InstanceId): T | undefined {
    return this.#held.get(id)?.value;
  }

  add(id: InstanceId, key: string, value: T): T {
    this.#held.set(id, { hash: hashOf(key), value, bytes: OVERHEAD_BYTES });
    this.#grow(OVERHEAD_BYTES);
    return value;
  }

  /** @param characters that are now kept for it */
  weigh(id: InstanceId, characters: number): void {
    const held = this.#held.get(id);
    if (held === undefined) return; // fell out of the slice
    const bytes = OVERHEAD_BYTES + characters;
    const more = bytes - held.bytes;
    held.bytes = bytes;
    this.#grow(more);
  }

  entries(): Iterable<readonly [InstanceId, T]> {
    return Array.from(this.#held, ([id, { value }]) => [id, value] as const);
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    while (this.#bytes > this.#bytesMax && this.#slice.to - this.#slice.from > 1) this.#narrow();
  }

  #narrow(): void {
    const { from, to } = this.#slice;
    this.#slice = { from, to: Math.ceil((from + to) / 2) };
    for (const [id, { hash, bytes }] of this.#held) {
      if (hash < this.#slice.to) continue;
      this.#held.delete(id);
      this.#bytes -= bytes;
    }
  }
}

/** FNV-1a, mixed: another one than says in which partition a key lives. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return (hash ^ (hash >>> 15)) >>> 0;
}
