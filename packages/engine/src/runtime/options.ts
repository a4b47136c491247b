import { defaultLimits, type Limits } from "@millrace/shared/core/world";

/** What bounds an engine. */
export interface EngineOptions {
  readonly limits: Limits;
  /** Instances kept in memory, over all partitions of this process. */
  readonly cachedInstancesMax: number;
  /** Records that one turn of a partition takes at most. */
  readonly turnRecordsMax: number;
  /** Timers that one turn fires at least, if so many are due; where it takes more records, as many as those. */
  readonly turnTimersMax: number;
  /** Instances that one turn takes records to; an event for more of them is taken over several turns. */
  readonly turnDeliveriesMax: number;
  /** Encoded records that one append holds at most. */
  readonly appendBytesMax: number;
  /** Arrived records of a partition, beyond which it is paused. */
  readonly arrivedRecordsMax: number;
  /** Arrived bytes of all partitions; one that is beyond its share of them is paused. */
  readonly arrivedBytesMax: number;
  /** How far the store may be behind the journal: time and steps. */
  readonly commitMs: number;
  readonly commitStepsMax: number;
  /** Instances that wait for the store, beyond which a partition takes no more. */
  readonly uncommittedMax: number;
  /** How long the input may move without a step before a mark says so. */
  readonly markMs: number;
  /** How far ahead due timers are kept in memory. */
  readonly timerWindowMs: number;
  /** How often the store is asked for due timers when nothing is committed; notices a wiped one. */
  readonly storeCheckMs: number;
  /** Pause before a timer looks again whether its flow version is known by now. */
  readonly unknownVersionMs: number;
  /** How often the group is told how far the input is decided: for displays of its lag, never read back. */
  readonly lagMs: number;
  /** How long input may wait before its partition is said to be behind; 0 is for ever. */
  readonly lagMsMax: number;
  /** How often the owner looks whether the journal has to be made shorter. */
  readonly retentionCheckMs: number;
  /** A pass is made after so long, or when the journal has so many records for each live instance. */
  readonly checkpointMs: number;
  readonly checkpointRatio: number;
  /** Journals with fewer records are left alone till then. */
  readonly checkpointRecordsMin: number;
  /** Of the floors that a checkpoint lists, none are nearer to each other. */
  readonly floorsApartMs: number;
  /** How long records are kept that nothing needs any more, and how often old ones are deleted. */
  readonly retentionMs: number;
  readonly cutMs: number;
  /** Bytes of one partition's journal, beyond which age no longer keeps a record. */
  readonly journalBytesMax: number;
  /** How long an ended instance stays whose flow version is not known here. */
  readonly keepDoneMs: number;
  /** Instances that a long fold holds before it lets the store catch up. */
  readonly foldedMax: number;
  /** Pause before a partition that could not be claimed is claimed anew. */
  readonly reclaimMs: number;
}

/**
 * Turns and commits of 1,000 records instead of 500 cost twice the CPU at 100,000 instances: what is
 * under way for all partitions then outlives the young generation (docs/benchmarks.md).
 */
export const defaultEngineOptions: EngineOptions = {
  limits: defaultLimits,
  cachedInstancesMax: 200_000,
  turnRecordsMax: 500,
  turnTimersMax: 64,
  turnDeliveriesMax: 500,
  appendBytesMax: 900_000,
  arrivedRecordsMax: 2_000,
  arrivedBytesMax: 64 * 1024 * 1024,
  commitMs: 50,
  commitStepsMax: 500,
  uncommittedMax: 20_000,
  markMs: 1_000,
  timerWindowMs: 60_000,
  storeCheckMs: 5_000,
  unknownVersionMs: 5_000,
  lagMs: 5_000,
  lagMsMax: 60_000,
  retentionCheckMs: 10_000,
  checkpointMs: 24 * 60 * 60 * 1000,
  checkpointRatio: 4,
  checkpointRecordsMin: 10_000,
  floorsApartMs: 6 * 60 * 60 * 1000,
  retentionMs: 7 * 24 * 60 * 60 * 1000,
  cutMs: 60 * 60 * 1000,
  journalBytesMax: 4 * 2 ** 30,
  keepDoneMs: 7 * 24 * 60 * 60 * 1000,
  foldedMax: 5_000,
  reclaimMs: 500,
};
