import { simulate } from "../simulation.ts";

/**
 * Runs the seeds of the command line (`7`, `1-2000`) until one fails, and says which: `{"seed": 7, …}`,
 * or `{}` where all of them hold.
 */
for (const range of process.argv.slice(2)) {
  const [from = 0, to = from] = range.split("-").map(Number);
  for (let seed = from; seed <= to; seed++) {
    const { broken } = await simulate(seed);
    if (broken.length === 0) continue;
    const invariants = [...new Set(broken.map((what) => what.split(" ")[0]))];
    console.log(JSON.stringify({ seed, broken: broken[0], invariants }));
    process.exit(0);
  }
}
console.log("{}");
