/** Programs that are called by name: a benchmark, a soak test. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./process.mjs";
import { root } from "./setup.mjs";

/**
 * @param command how it is called, for the help
 * @param folder below the root; the files in it that end in `suffix` are the programs
 * @returns the path of the one that the command line names, from the root, and the arguments after its name
 * @throws Failure with the names there are
 */
export function namedProgram(command, folder, suffix) {
  const [name, ...args] = process.argv.slice(2);
  const names = readdirSync(join(root, folder))
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .sort();
  if (names.includes(name)) return { path: `${folder}/${name}${suffix}`, args };
  const problem = name === undefined ? "" : `There is no ${folder}/${name}${suffix}.\n`;
  const list = names.map((each) => `  ${each}`).join("\n");
  throw new Failure(
    `${problem}usage: npm run ${command} -- NAME [arguments]\nNAME is one of:\n${list}`,
  );
}
