import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryLogServer } from "@millrace/shared/adapters/memory/log-server";
import { systemClock } from "@millrace/shared/ports/clock";
import { eventLogSuite } from "./event-log.suite.ts";

eventLogSuite("memory", async () => {
  const server = new MemoryLogServer({ clock: systemClock, partitions: 4 });
  return {
    async open() {
      const log = new MemoryLog(server);
      return { log, close: () => log.close() };
    },
    stop: async () => {},
    rebalanceMs: 1_000,
  };
});
