/** A bug. It stops the partition that meets it and is never caught to carry on. */
export class Bug extends Error {
  override readonly name = "Bug";
}

export function assert(condition: unknown, rule: string): asserts condition {
  if (!condition) throw new Bug(`broken rule: ${rule}`);
}

export function unreachable(value: never): never {
  throw new Bug(`unexpected value: ${JSON.stringify(value)}`);
}
