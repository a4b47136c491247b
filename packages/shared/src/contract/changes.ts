/** A member that is another one now. Absent is undefined. */
export interface Change {
  /** `state`, `context.hits`, `effects[0].payload` */
  readonly path: string;
  readonly was: unknown;
  readonly now: unknown;
}

const CHANGES_MAX = 20;

/** Where two values of JSON differ, in the order of the first, twenty at the most. */
export function changesBetween(was: unknown, now: unknown): readonly Change[] {
  const changes: Change[] = [];
  gather(was, now, "", changes);
  return changes;
}

function gather(was: unknown, now: unknown, path: string, into: Change[]): void {
  if (was === now || into.length >= CHANGES_MAX) return;
  if (Array.isArray(was) && Array.isArray(now)) {
    for (let i = 0; i < Math.max(was.length, now.length); i++)
      gather(was[i], now[i], `${path}[${i}]`, into);
  } else if (isPlain(was) && isPlain(now)) {
    for (const name of new Set([...Object.keys(was), ...Object.keys(now)]))
      gather(was[name], now[name], path === "" ? name : `${path}.${name}`, into);
  } else into.push({ path, was, now });
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
