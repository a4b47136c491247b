import type { InstanceId } from "@millrace/shared/contract/names";
import type { EpochMs } from "@millrace/shared/contract/time";

interface Reminder {
  readonly due: EpochMs;
  readonly id: InstanceId;
}

/**
 * When to look at which instance, for what is due soon: a binary heap by time.
 *
 * An entry is a reminder, not the timer: the instance says whether it still holds one. Of an instance
 * only the earliest reminder counts; later ones are dropped when they surface. Of equal times the id
 * decides, so that those that \`due\` names are those that \`take\` takes, however many there are.
 */
export class TimerHeap {
  readonly #entries: Reminder[] = [];
  readonly #earliest = new Map<InstanceId, EpochMs>();

  get size(): number {
    return this.#earliest.size;
  }

  /** How many are due by then. */
  countDue(by: EpochMs): number {
    let count = 0;
    for (const due of this.#earliest.values()) if (due <= by) count += 1;
    return count;
  }

  set(id: InstanceId, due: EpochMs): void {
    const known = this.#earliest.get(id);
    if (known !== undefined && known <= due) return;
    this.#earliest.set(id, due);
    this.#push({ due, id });
  }

  /** When the next reminder is due. */
  next(): EpochMs | undefined {
    this.#dropStale();
    return this.#entries[0]?.due;
  }

  /** Takes the next instance to look at, if it is due by then. */
  take(by: EpochMs): InstanceId | undefined {
    this.#dropStale();
    const first = this.#entries[0];
    if (first === undefined || first.due > by) return undefined;
    this.#pop();
    this.#earliest.delete(first.id);
    return first.id;
  }

  /** The next instances due by then, without taking them: those that a turn may have to load. */
  due(by: EpochMs, max: number): InstanceId[] {
    const found: Reminder[] = [];
    while (found.length < max) {
      const due = this.next();
      const id = this.take(by);
      if (due === undefined || id === undefined) break;
      found.push({ id, due });
    }
    for (const { id, due } of found) this.set(id, due);
    return found.map(({ id }) => id);
  }

  #dropStale(): void {
    for (;;) {
      const first = this.#entries[0];
      if (first === undefined || this.#earliest.get(first.id) === first.due) return;
      this.#pop();
    }
  }

  #push(entry: Reminder): void {
    const entries = this.#entries;
    let i = entries.length;
    entries.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = entries[parent] as Reminder;
      if (!isBefore(entry, above)) break;
      entries[i] = above;
      i = parent;
    }
    entries[i] = entry;
  }

  #pop(): void {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      const left = entries[child];
      if (left === undefined) break;
      const right = entries[child + 1];
      if (right !== undefined && isBefore(right, left)) child += 1;
      const least = entries[child] as Reminder;
      if (!isBefore(least, last)) break;
      entries[i] = least;
      i = child;
    }
    entries[i] = last;
  }
}

function isBefore(one: Reminder, other: Reminder): boolean {
  return one.due === other.due ? one.id < other.id : one.due < other.due;
}
