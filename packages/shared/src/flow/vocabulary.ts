/** The event descriptors of a machine: exact types, `prefix.*`, and `*`. */
export class Vocabulary {
  readonly #exact: ReadonlySet<string>;
  readonly #prefixes: readonly string[];
  readonly #any: boolean;

  constructor(descriptors: Iterable<string>) {
    const all = [...descriptors];
    this.#exact = new Set(all.filter((one) => !one.endsWith("*")));
    this.#prefixes = all.filter((one) => one.endsWith(".*")).map((one) => one.slice(0, -1));
    this.#any = all.includes("*");
  }

  /** Whether any state has a transition for an event of this type. */
  hears(type: string): boolean {
    return this.#any || this.hearsByName(type);
  }

  /** The same, where a lone `*` does not count: it was not written with this event in mind. */
  hearsByName(type: string): boolean {
    return (
      this.#exact.has(type) ||
      this.#prefixes.some((prefix) => type.startsWith(prefix) || type === prefix.slice(0, -1))
    );
  }

  hearsOutcomeOf(command: string): boolean {
    return ["delivered", "refused", "expired", "superseded"].some((outcome) =>
      this.hearsByName(`${outcome}.${command}`),
    );
  }
}
