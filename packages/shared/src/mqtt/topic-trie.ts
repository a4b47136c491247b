/**
 * Who subscribed to what: filters in, the values whose filter matches a topic out.
 *
 * Filters without wildcards, which is what most devices subscribe to, stand in one flat map: a topic
 * finds them with one look-up, and each costs one map entry. Only filters with `+` or `#` are broken
 * into levels. A level with one child holds it without a map, a filter with one value without a set:
 * in a fleet both are the rule.
 *
 * T1 A value is held once per filter; `add` and `remove` say when a filter's first one came or its last one left.
 * T2 `match` gives a value once for each of its filters that matches.
 * T3 Nothing stays behind: when all values are removed, so are all nodes.
 * T4 A topic that begins with `$` is not matched by a filter that begins with a wildcard [MQTT-4.7.2-1].
 */
export class TopicTrie<T> {
  readonly #exact = new Map<string, Bucket<T>>();
  readonly #root = new Level<T>();

  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#root.isEmpty;
  }

  /**
   * Adds a value under a valid filter; a value it already has there stays as it is.
   *
   * @returns whether it is the filter's first value
   */
  add(filter: string, value: T): boolean {
    if (!hasWildcard(filter)) {
      const bucket = this.#exact.get(filter);
      this.#exact.set(filter, withValue(bucket, value));
      return bucket === undefined;
    }
    return this.#root.descend(filter).addHere(filter.endsWith("#"), value);
  }

  /** @returns whether this was the filter's last value; false for one that was not there */
  remove(filter: string, value: T): boolean {
    if (!hasWildcard(filter)) {
      const bucket = this.#exact.get(filter);
      if (bucket === undefined) return false;
      const rest = withoutValue(bucket, value);
      if (rest === undefined) this.#exact.delete(filter);
      else if (rest !== bucket) this.#exact.set(filter, rest);
      return rest === undefined;
    }
    return this.#root.removeBelow(levelsAbove(filter), 0, filter.endsWith("#"), value);
  }

  /** Appends the values whose filter matches a topic to `found`, in no particular order. */
  match(topic: string, found: T[] = []): T[] {
    const exact = this.#exact.get(topic);
    if (exact !== undefined) collect(exact, found);
    if (!this.#root.isEmpty) {
      this.#root.match(topic.split("/"), 0, topic.startsWith("$"), found);
    }
    return found;
  }
}

/** One value bare, several in a set of our own, which no value can be mistaken for. */
type Bucket<T> = T | Values<T>;

class Values<T> extends Set<T> {}

function withValue<T>(bucket: Bucket<T> | undefined, value: T): Bucket<T> {
  if (bucket === undefined || bucket === value) return value;
  if (bucket instanceof Values) return bucket.add(value);
  return new Values<T>([bucket, value]);
}

/** @returns undefined when nothing is left */
function withoutValue<T>(bucket: Bucket<T>, value: T): Bucket<T> | undefined {
  if (!(bucket instanceof Values)) return bucket === value ? undefined : bucket;
  bucket.delete(value);
  if (bucket.size > 1) return bucket;
  const [only] = bucket;
  return only;
}

function collect<T>(bucket: Bucket<T>, found: T[]): void {
  if (bucket instanceof Values) for (const value of bucket) found.push(value);
  else found.push(bucket);
}

function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.endsWith("#");
}

/** The levels that lead to where a filter's values stand; those of `a/#` stand at `a`. */
function levelsAbove(filter: string): string[] {
  const levels = filter.split("/");
  if (levels.at(-1) === "#") levels.pop();
  return levels;
}

class Level<T> {
  /** Values of filters that end here, and of those that end with `#` after this level. */
  #here: Bucket<T> | undefined = undefined;
  #below: Bucket<T> | undefined = undefined;
  #plus: Level<T> | undefined = undefined;
  /** Children by name: the only one without a map, several with one. */
  #onlyName: string | undefined = undefined;
  #only: Level<T> | undefined = undefined;
  #children: Map<string, Level<T>> | undefined = undefined;

  get isEmpty(): boolean {
    return (
      this.#here === undefined &&
      this.#below === undefined &&
      this.#plus === undefined &&
      this.#only === undefined &&
      this.#children === undefined
    );
  }

  /** Finds the level at which a filter's values stand, making what is missing. */
  descend(filter: string): Level<T> {
    return levelsAbove(filter).reduce<Level<T>>(
      (level, name) => level.#child(name) ?? level.#grow(name),
      this,
    );
  }

  addHere(below: boolean, value: T): boolean {
    const bucket = below ? this.#below : this.#here;
    const grown = withValue(bucket, value);
    if (below) this.#below = grown;
    else this.#here = grown;
    return bucket === undefined;
  }

  removeBelow(levels: readonly string[], depth: number, below: boolean, value: T): boolean {
    const name = levels[depth];
    if (name === undefined) return this.#removeHere(below, value);
    const child = this.#child(name);
    if (child === undefined) return false;
    const last = child.removeBelow(levels, depth + 1, below, value);
    if (child.isEmpty) this.#cut(name);
    return last;
  }

  match(topic: readonly string[], depth: number, reserved: boolean, found: T[]): void {
    const wild = depth > 0 || !reserved;
    if (this.#below !== undefined && wild) collect(this.#below, found);
    const name = topic[depth];
    if (name === undefined) {
      if (this.#here !== undefined) collect(this.#here, found);
      return;
    }
    this.#named(name)?.match(topic, depth + 1, reserved, found);
    if (wild) this.#plus?.match(topic, depth + 1, reserved, found);
  }

  #removeHere(below: boolean, value: T): boolean {
    const bucket = below ? this.#below : this.#here;
    if (bucket === undefined) return false;
    const rest = withoutValue(bucket, value);
    if (below) this.#below = rest;
    else this.#here = rest;
    return rest === undefined;
  }

  #child(name: string): Level<T> | undefined {
    return name === "+" ? this.#plus : this.#named(name);
  }

  #named(name: string): Level<T> | undefined {
    if (this.#children !== undefined) return this.#children.get(name);
    return this.#onlyName === name ? this.#only : undefined;
  }

  #grow(name: string): Level<T> {
    const child = new Level<T>();
    if (name === "+") {
      this.#plus = child;
    } else if (this.#children !== undefined) {
      this.#children.set(name, child);
    } else if (this.#only === undefined) {
      this.#onlyName = name;
      this.#only = child;
    } else {
      this.#children = new Map([
        [this.#onlyName as string, this.#only],
        [name, child],
      ]);
      this.#onlyName = undefined;
      this.#only = undefined;
    }
    return child;
  }

  #cut(name: string): void {
    if (name === "+") {
      this.#plus = undefined;
    } else if (this.#children !== undefined) {
      this.#children.delete(name);
      if (this.#children.size === 0) this.#children = undefined;
    } else {
      this.#onlyName = undefined;
      this.#only = undefined;
    }
  }
}
