import type { LogRecord, Topic } from "../../ports/event-log.ts";
import type { LocalLog } from "./subscription.ts";

const BATCH_RECORDS_MAX = 500;

/** Hands over every record of a partition from `from` on, as they come. @returns what ends it */
export function followLocal(
  log: Pick<LocalLog, "slice" | "watch">,
  topic: Topic,
  partition: number,
  from: number,
  take: (records: readonly LogRecord[]) => void,
): () => Promise<void> {
  let at = from;
  let ended = false;
  const pump = (): void => {
    for (;;) {
      const records = ended ? [] : log.slice(topic, partition, at, BATCH_RECORDS_MAX);
      if (records.length === 0) return;
      at += records.length;
      take(records);
    }
  };
  const unwatch = log.watch((changed, which) => {
    if (changed === topic && which === partition) queueMicrotask(pump);
  });
  pump();
  return async () => {
    ended = true;
    unwatch();
  };
}
