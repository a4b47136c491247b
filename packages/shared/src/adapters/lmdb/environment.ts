import { mkdirSync, realpathSync } from "node:fs";
import { open, type RootDatabase } from "lmdb";
import { messageOf, OperationalError } from "../../errors/operational.ts";
import { FolderLock } from "./lock.ts";

/**
 * The data folder of an embedded installation: log and store in one environment, so that one flush
 * makes both durable.
 *
 * lmdb resolves a write when it is committed, not when it is on disk (`overlappingSync`): whoever
 * acknowledges something waits for `flushed`.
 */
export interface Environment {
  readonly folder: string;
  readonly root: RootDatabase;
  close(): Promise<void>;
}

/** The address space that the map may take; the file only grows as it is filled. */
const MAP_BYTES = 64 * 1024 ** 3;

/** @throws OperationalError START-003 when another process uses the folder, START-004 when none can */
export async function openEnvironment(folder: string): Promise<Environment> {
  let root: RootDatabase | undefined;
  try {
    mkdirSync(folder, { recursive: true });
    root = openRoot(folder);
    const lock = await FolderLock.take(realpathSync(folder), root);
    return environmentOf(folder, root, lock);
  } catch (error) {
    await root?.close();
    if (error instanceof OperationalError) throw error;
    const cause = messageOf(error);
    throw new OperationalError(
      "START-004",
      { folder, cause },
      `${folder} cannot be used as a data folder: ${cause}`,
    );
  }
}

function openRoot(folder: string): RootDatabase {
  return open({
    path: folder,
    noSubdir: false,
    mapSize: MAP_BYTES,
    maxDbs: 16,
    // Numbers of different kinds of records are told apart by their first byte; keep keys ordered.
    keyEncoding: "ordered-binary",
    encoder: { useRecords: false, variableMapSize: true } as never,
  });
}

function environmentOf(folder: string, root: RootDatabase, lock: FolderLock): Environment {
  return {
    folder,
    root,
    async close() {
      await root.flushed;
      await lock.release();
      await root.close();
    },
  };
}
