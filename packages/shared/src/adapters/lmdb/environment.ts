import { mkdirSync, realpathSync } from "node:fs";
import { open, type RootDatabase } from "lmdb";
import { messageOf, OperationalError } from "../../errors/operational.ts";
import { FolderLock, isHeld } from "./lock.ts";

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
  /** Another process has the folder in use: this one only reads. */
  readonly isBeside: boolean;
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
    throw unusable(folder, messageOf(error));
  }
}

function unusable(folder: string, cause: string): OperationalError<"START-004"> {
  const detail = `${folder} cannot be used as a data folder: ${cause}`;
  return new OperationalError("START-004", { folder, cause }, detail);
}

/**
 * Opens a folder for one who reads its log: beside the process that uses it, or, where none does, as that
 * process would.
 *
 * lmdb takes back what a power failure tore when the first process opens the folder, and only if that one
 * may write: one that reads must never be the first.
 *
 * @throws OperationalError START-003 when a process takes the folder at this moment, START-004
 */
export async function readEnvironment(folder: string): Promise<Environment> {
  if (!(await isHeld(folder))) return await openEnvironment(folder);
  try {
    const root = openRoot(folder, true);
    return { folder, root, isBeside: true, close: () => root.close() };
  } catch (error) {
    throw unusable(folder, messageOf(error));
  }
}

function openRoot(folder: string, readOnly = false): RootDatabase {
  return open({
    path: folder,
    readOnly,
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
    isBeside: false,
    async close() {
      await root.flushed;
      await lock.release();
      await root.close();
    },
  };
}
