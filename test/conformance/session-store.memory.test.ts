import { MemorySessionStore } from "@millrace/shared/adapters/memory/session-store";
import { systemClock } from "@millrace/shared/ports/clock";
import { sessionStoreSuite } from "./session-store.suite.ts";

sessionStoreSuite("memory", async () => ({
  store: new MemorySessionStore(systemClock),
  stop: async () => {},
}));
