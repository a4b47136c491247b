import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where downloads are kept, outside the work tree, so that a fresh clone has them at once. */
function cacheFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "millrace");
}

/**
 * A folder of the cache, filled the first time.
 *
 * Filled under another name and then renamed, so that a download that was killed leaves nothing that
 * looks whole, and two processes at once do no harm.
 *
 * @param name says by version or hash what is in it, since it is never filled again
 */
export async function cached(
  name: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  await mkdir(cacheFolder(), { recursive: true });
  const partial = await mkdtemp(join(cacheFolder(), ".partial-"));
  try {
    await fill(partial);
    await rename(partial, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error; // otherwise another process was faster
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}
