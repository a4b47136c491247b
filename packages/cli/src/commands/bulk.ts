import { CommandFailed, exitCodes } from "../client/client.ts";
import { doPages } from "../client/pages.ts";
import { Progress } from "../output/progress.ts";
import { clientOf, json, print } from "./common.ts";

/** What commands that are for many take. */
export interface BulkFlags {
  readonly max: number;
  readonly yes?: true;
  readonly json?: true;
}

/**
 * Does something to many, page by page. Counts them first; without `--yes` it leaves it at that, and
 * above `--max` it refuses, as the server does where more have come since.
 *
 * @param words `pause` and `paused`, say, and what it is done to
 */
export async function doToMany(
  path: string,
  body: object,
  { max, yes, json: asJson }: BulkFlags,
  words: { readonly verb: string; readonly done: string; readonly what: string },
): Promise<void> {
  const client = clientOf();
  let matching = 0;
  for await (const { count } of doPages(client, path, { ...body, preview: true }))
    matching += count;
  if (matching > max) {
    const said = `this would ${words.verb} ${matching} ${words.what}, and --max is ${max}; raise it to go on`;
    throw new CommandFailed(said, exitCodes.failed);
  }
  if (yes !== true) {
    if (asJson) return print(json({ matching, done: 0 }));
    return print(`this would ${words.verb} ${matching} ${words.what}; --yes does it`);
  }
  const progress = new Progress();
  let done = 0;
  try {
    for await (const { count } of doPages(client, path, body, max)) {
      done += count;
      progress.move(done / matching, `${done} of ${matching} ${words.what}`);
    }
  } catch (error) {
    if (!(error instanceof CommandFailed) || done === 0) throw error;
    const said = `${words.done} ${done} of ${matching} ${words.what}, and no more: ${error.message}`;
    throw new CommandFailed(said, error.exitCode, error.facts);
  } finally {
    progress.clear();
  }
  print(asJson ? json({ matching, done }) : `${words.done} ${done} ${words.what}`);
}
