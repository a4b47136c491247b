import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEnvironment } from "@millrace/shared/adapters/lmdb/environment";
import { LmdbStateStore } from "@millrace/shared/adapters/lmdb/state-store";
import { stateStoreSuite } from "./state-store.suite.ts";

stateStoreSuite("lmdb", async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-state-"));
  const environment = await openEnvironment(folder);
  return {
    open: async () => new LmdbStateStore(environment),
    wipe: async () => {
      await environment.root.openDB({ name: "state" }).clearAsync();
    },
    async stop() {
      await environment.close();
      await rm(folder, { recursive: true });
    },
  };
});
