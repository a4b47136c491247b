/** npm run check: format, lint, types, house rules (which way imports point, among others) and dead code; the same checks are the first suite of npm test. */
import { fileURLToPath } from "node:url";
import { main } from "./lib/process.mjs";
import { ensureInstalled, tool } from "./lib/setup.mjs";
import { Tally } from "./lib/tally.mjs";

/** `remedy` completes the sentence "What to do: …". `inVitest`: npm test runs it among its tests anyway. */
export const checks = [
  {
    name: "format",
    command: ["biome", "format", "--colors=off", "."],
    remedy: "npm run format",
  },
  {
    name: "lint",
    command: [
      "oxlint",
      "--type-aware",
      "--deny-warnings",
      "--report-unused-disable-directives",
      "--format=unix",
    ],
    remedy: "mend what is named; .oxlintrc.json says why a rule is on",
  },
  {
    name: "types",
    command: ["tsc", "--build", "--pretty", "false"],
    remedy: "mend what the compiler names",
  },
  {
    name: "house rules",
    command: ["vitest", "run", "--project=tidy", "--reporter=default"],
    remedy: "mend what is named; test/tidy/ has the rules, import-rules.ts which way imports point",
    inVitest: true,
  },
  {
    name: "dead code",
    command: ["knip", "--no-progress", "--no-config-hints"],
    remedy: "delete what nothing uses, or name a new entry point in knip.json",
  },
];

/** @returns whether it passed; prints what there is to say */
export async function runCheck({ name, command: [program, ...args], remedy }) {
  const { code, output } = await tool(program, args, { quiet: true });
  if (code === 0) console.log(`ok ${name}`);
  else console.log(`${output}\nnot ok ${name}. What to do: ${remedy}`);
  return code === 0;
}

async function runAll() {
  await ensureInstalled();
  const tally = new Tally();
  for (const check of checks) tally.add(await runCheck(check));
  return tally.failed > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(runAll);
