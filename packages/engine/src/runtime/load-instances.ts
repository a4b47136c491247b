import type { Instance } from "@millrace/shared/contract/instance";
import type { InstanceId } from "@millrace/shared/contract/names";
import type { Bookmark } from "@millrace/shared/contract/reader";
import type { EngineHost } from "./engine-host.ts";
import type { InstanceCache } from "./instance-cache.ts";

/**
 * Reads instances of a partition into memory that are not there yet.
 *
 * @param sent what the store holds when it has done all that was sent to it
 * @returns those that were read, and exist
 */
export async function loadInstances(
  { store, counters }: EngineHost,
  { partition, cache, sent }: { partition: number; cache: InstanceCache; sent: Bookmark },
  ids: readonly InstanceId[],
): Promise<readonly Instance[]> {
  const missing = [...new Set(ids.filter((id) => !cache.has(id)))];
  if (missing.length === 0) return [];
  const found = await store.load(partition, missing, sent);
  counters.loads += 1;
  counters.loadedInstances += found.size;
  return missing.flatMap((id) => cache.put(id, found.get(id)).instance ?? []);
}
