import { createInterface } from "node:readline";
import { openEnvironment } from "@millrace/shared/adapters/lmdb/environment";
import { LmdbLog } from "@millrace/shared/adapters/lmdb/log";
import { systemClock } from "@millrace/shared/ports/clock";

/** The process of a data folder: `append N` and `truncate N` on its standard input, each answered `done`. */
const environment = await openEnvironment(process.argv[2] ?? "");
const log = await LmdbLog.open(environment, systemClock, 2);
process.stdout.write("done\n");
for await (const line of createInterface(process.stdin)) {
  const [word, n = ""] = line.split(" ");
  const records = Array.from({ length: Number(n) }, (_, i) => ({
    key: null,
    header: "{}",
    value: `${i}`,
  }));
  if (word === "append") await log.append("journal", 0, records);
  else await log.truncate("journal", 0, Number(n));
  process.stdout.write("done\n");
}
