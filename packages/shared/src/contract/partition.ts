/**
 * Which partition a key lives in.
 *
 * Writers pass the partition themselves, computed over the count recorded with the log's id, so that
 * neither a client's own partitioner nor partitions added by hand can split a key
 * (docs/architecture.md, invariant P1). The hash is the murmur2 of Kafka's Java client.
 */

/** murmur2 over UTF-8 bytes, as a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = bytes.length;
  let h = 0x9747b28c ^ length;
  const words = length & ~3;
  for (let i = 0; i < words; i += 4) {
    let k =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const rest = length - words;
  if (rest === 3) h ^= (bytes[words + 2] as number) << 16;
  if (rest >= 2) h ^= (bytes[words + 1] as number) << 8;
  if (rest >= 1) h = Math.imul(h ^ (bytes[words] as number), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

/** The partition, from 0, of a record's key among `count`. */
export function partitionOf(key: string, count: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % count;
}
