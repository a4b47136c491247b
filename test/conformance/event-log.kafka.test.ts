import { KafkaLog } from "@millrace/shared/adapters/kafka/log";
import { systemClock } from "@millrace/shared/ports/clock";
import { kafkaForTests } from "../support/servers/find.ts";
import { eventLogSuite } from "./event-log.suite.ts";

eventLogSuite("Kafka", async () => {
  const prefix = `log-suite-${process.pid}-${Date.now()}.`;
  return {
    async open() {
      const log = await KafkaLog.open({
        url: kafkaForTests(),
        prefix,
        partitions: 4,
        allow: new Set(["single-broker"]),
        clock: systemClock,
        line: () => {},
      });
      return { log, close: () => log.close() };
    },
    stop: async () => {},
    rebalanceMs: 20_000,
  };
});
