import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEnvironment } from "@millrace/shared/adapters/lmdb/environment";
import { LmdbLog } from "@millrace/shared/adapters/lmdb/log";
import { systemClock } from "@millrace/shared/ports/clock";
import { eventLogSuite } from "./event-log.suite.ts";

eventLogSuite("lmdb", async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-log-"));
  const environment = await openEnvironment(folder);
  const log = await LmdbLog.open(environment, systemClock, 4);
  return {
    // One process holds the folder: what another process would open is this same log.
    open: async () => ({ log, close: async () => {} }),
    async stop() {
      await log.close();
      await environment.close();
      await rm(folder, { recursive: true });
    },
    rebalanceMs: 1_000,
  };
});
