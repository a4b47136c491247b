/**
 * Names and ids as they are joined on the wire.
 *
 * Every part is percent-encoded where it is joined, so that `/` in a thing's name can never be taken
 * for a border between parts.
 *
 *   Q1 an effect's id is its instance, generation, step and place in it: the same whoever decides the step
 *      again, and never that of another one
 */

/** One running machine: the tenant, the flow and the key that its events share. */
export interface InstanceRef {
  readonly ns: string;
  readonly flow: string;
  readonly key: string;
}

/** `ns/flow/key`, each part percent-encoded. */
export type InstanceId = string & { readonly "~instanceId": true };

/** `ns/flow/key/generation/seq/index`; never repeats, across generations of one key included. */
export type EffectId = string & { readonly "~effectId": true };

export const DEFAULT_NAMESPACE = "default";

const plain = /^[A-Za-z0-9_.~-]*$/;

export function encodePart(part: string): string {
  return plain.test(part) ? part : encodeURIComponent(part);
}

/** @throws URIError for a part that is not percent-encoded UTF-8 */
export function decodePart(part: string): string {
  return part.includes("%") ? decodeURIComponent(part) : part;
}

export const NAME_BYTES_MAX = 256;

/** @returns what is wrong with a key or a thing's name, or undefined */
export function nameFault(name: string): string | undefined {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `has more than ${NAME_BYTES_MAX} bytes`;
  return textFault(name);
}

/** @returns what keeps text that was worked out from naming anything, or undefined */
export function textFault(text: string): string | undefined {
  if (text === "") return "came out empty";
  if (!text.isWellFormed()) return "has half a character in it, a lone surrogate";
  return undefined;
}

/** The key of a record on `events` and `journal`: a thing and every instance keyed by it share it. */
export function logKey(ns: string, key: string): string {
  return `${encodePart(ns)}/${encodePart(key)}`;
}

export function instanceId(ref: InstanceRef): InstanceId {
  return `${encodePart(ref.ns)}/${encodePart(ref.flow)}/${encodePart(ref.key)}` as InstanceId;
}

export function parseInstanceId(id: InstanceId): InstanceRef {
  const [ns = "", flow = "", key = ""] = id.split("/");
  return { ns: decodePart(ns), flow: decodePart(flow), key: decodePart(key) };
}

export function effectId(
  ref: InstanceRef,
  generation: number,
  seq: number,
  index: number,
): EffectId {
  return `${instanceId(ref)}/${generation}/${seq}/${index}` as EffectId;
}

export interface EffectRef extends InstanceRef {
  readonly generation: number;
  readonly seq: number;
  readonly index: number;
}

/** @returns undefined for text that is not an effect's id */
export function parseEffectId(id: string): EffectRef | undefined {
  const parts = id.split("/");
  if (parts.length !== 6) return undefined;
  const [generation, seq, index] = parts.slice(3).map(Number);
  if (![generation, seq, index].every((n) => Number.isSafeInteger(n))) return undefined;
  try {
    const [ns, flow, key] = parts.map(decodePart);
    return { ns, flow, key, generation, seq, index } as EffectRef;
  } catch {
    return undefined; // not percent-encoded UTF-8
  }
}
