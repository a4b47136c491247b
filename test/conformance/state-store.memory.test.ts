import { MemoryStateServer } from "@millrace/shared/adapters/memory/state-server";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { stateStoreSuite } from "./state-store.suite.ts";

stateStoreSuite("memory", async () => {
  const server = new MemoryStateServer();
  return {
    open: async () => new MemoryStateStore(server),
    wipe: async () => server.wipe(),
    stop: async () => {},
  };
});
