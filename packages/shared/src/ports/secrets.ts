/** Where the values of `${secret.name}` are. Values are never kept: they may be changed at any time. */
export interface Secrets {
  /** @param name a letter or `_`, then letters, digits, `-`, `_` @returns undefined where there is none */
  read(name: string): Promise<string | undefined>;
}
