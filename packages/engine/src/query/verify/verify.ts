import { DEFAULT_NAMESPACE, logKey } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import type { EpochMs } from "@millrace/shared/contract/time";
import { defaultLimits, type World } from "@millrace/shared/core/world";
import { OperationalError } from "@millrace/shared/errors/operational";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Flow } from "@millrace/shared/flow/flow";
import { readRegistry } from "@millrace/shared/log/registry";
import { allowAll } from "@millrace/shared/policy/authorize";
import type { EventLog, LogRecord } from "@millrace/shared/ports/event-log";
import { Reader } from "../../runtime/deliveries.ts";
import { worldOf } from "../../runtime/world.ts";
import { AsRecorded } from "./as-recorded.ts";
import { type CatalogueThen, RegistryThen } from "./catalogue-then.ts";
import { allKeys, HeldInstances, type Slice } from "./held-instances.ts";
import type { Judge, Note } from "./judge.ts";
import {
  PartitionWalk,
  type RecordFaults,
  type WalkParts,
  type WalkRange,
} from "./partition-walk.ts";
import { type Difference, type Summary, Tally } from "./report.ts";
import { WhatIf, type WhatIfNote } from "./what-if.ts";

export interface VerifyOptions {
  readonly range: WalkRange;
  readonly ns?: string;
  readonly flow?: string;
  readonly key?: string;
  /** Another version to decide by, of the flow of its name. */
  readonly with?: Flow;
  /** What is kept of instances at a time; a partition with more is gone through several times. */
  readonly heldBytesMax?: number;
  readonly onDifference: (difference: Difference) => void;
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Told of a published flow that this program cannot compile. */
  readonly onFault?: (name: string, why: string) => void;
}

export interface VerifyProgress {
  /** How many partitions are done, of how many. */
  readonly done: number;
  readonly partitions: number;
  /** How many times the one under way was gone through; 0 the first time. */
  readonly passes: number;
  /** How much of it is read this time, from 0 to 1. */
  readonly part: number;
}

const HELD_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Decides recorded inputs again, and tells for each instance where it first comes out otherwise.
 *
 * Reads journal, events and registry, and writes nothing. One partition at a time is read; of its
 * instances as many are kept as fit `heldBytesMax`, and the others are for another pass over it.
 *
 * @throws OperationalError API-001 for a flow that was never published, LOG-001, LOG-005, LOG-006, LOG-007
 */
export async function verify(log: EventLog, options: VerifyOptions): Promise<Summary> {
  const registry = new RegistryThen(
    await readRegistry(log),
    log.partitions,
    options.onFault ?? (() => {}),
  );
  const { ns, flow } = wantedOf(options);
  if (flow !== undefined && !registry.has(ns ?? DEFAULT_NAMESPACE, flow)) throw noFlow(flow);
  const run = new Run(log, registry, options);
  const partitions = partitionsOf(log, options);
  const onProgress = options.onProgress ?? (() => {});
  for (const [done, partition] of partitions.entries())
    await run.partition(partition, (passes, part) =>
      onProgress({ done, partitions: partitions.length, passes, part }),
    );
  return run.tally.summary();
}

/** What another version is of is what the run is about. */
function wantedOf({ with: other, ns = other?.ns, flow = other?.name, key }: VerifyOptions) {
  return { ns, flow, key };
}

function noFlow(flow: string): OperationalError<"API-001"> {
  const what = `the registry has no flow ${flow}`;
  return new OperationalError("API-001", { what }, what);
}

function partitionsOf({ partitions }: EventLog, { ns, key }: VerifyOptions): readonly number[] {
  if (key !== undefined) return [partitionOf(logKey(ns ?? DEFAULT_NAMESPACE, key), partitions)];
  return Array.from({ length: partitions }, (_, partition) => partition);
}

class Run {
  readonly tally = new Tally();
  readonly #log: EventLog;
  readonly #registry: RegistryThen;
  readonly #options: VerifyOptions;

  constructor(log: EventLog, registry: RegistryThen, options: VerifyOptions) {
    this.#log = log;
    this.#registry = registry;
    this.#options = options;
  }

  async partition(
    partition: number,
    onProgress: (passes: number, part: number) => void,
  ): Promise<void> {
    let from = 0;
    for (let passes = 0; from < allKeys.to; passes++) {
      const rest = { from, to: allKeys.to };
      from = (await this.#pass(partition, rest, (part) => onProgress(passes, part))).to;
    }
  }

  /** @returns the slice that it was about in the end */
  async #pass(
    partition: number,
    wanted: Slice,
    onProgress: WalkParts["onProgress"],
  ): Promise<Slice> {
    const { with: flow, onDifference, range } = this.#options;
    const then = (flow === undefined ? this.#registry : this.#registry.asIf(flow)).open();
    const { judge, held, world } =
      flow === undefined
        ? this.#asRecorded(partition, wanted, then)
        : this.#whatIf(partition, wanted, then, flow);
    const isFirst = wanted.from === 0;
    const parts: WalkParts = {
      log: this.#log,
      partition,
      range,
      registry: then,
      world,
      judge,
      isWanted: (ref) => this.#isWanted(ref),
      onRecord: (record) => {
        if (isFirst) this.#compareRecord(partition, then, record);
      },
      onElsewhere: flow === undefined || !isFirst ? () => {} : this.#elsewhere(partition),
      onProgress,
    };
    await new PartitionWalk(parts).run();
    judge.tell(this.tally, onDifference);
    return held.slice;
  }

  #asRecorded(partition: number, slice: Slice, then: CatalogueThen): Pass {
    const held = new HeldInstances<Note>(slice, this.#bytesMax);
    const world = worldThen(then.catalogue);
    return { judge: new AsRecorded(partition, held, then, worldThen), held, world };
  }

  #whatIf(partition: number, slice: Slice, { catalogue }: CatalogueThen, flow: Flow): Pass {
    const held = new HeldInstances<WhatIfNote>(slice, this.#bytesMax);
    const world = worldThen(catalogue);
    const before = worldThen(this.#registry.open().catalogue);
    const judge = new WhatIf(partition, held, flow, catalogue, { world, before });
    return { judge, held, world };
  }

  get #bytesMax(): number {
    return this.#options.heldBytesMax ?? HELD_BYTES_MAX;
  }

  #isWanted(of: { readonly ns: string; readonly flow?: string; readonly key?: string }): boolean {
    const { ns, flow, key } = wantedOf(this.#options);
    return (
      (ns === undefined || of.ns === ns) &&
      (flow === undefined || of.flow === flow) &&
      (key === undefined || of.key === key)
    );
  }

  /** What is wrong with a record of `events` is told once, whoever it was for. */
  #compareRecord(partition: number, registry: CatalogueThen, record: RecordFaults): void {
    const { offset, at, was, now, undecided } = record;
    if (undecided !== undefined) return this.tally.missed(undecided, was.length);
    const before = was.map(({ code, flow, cause }) => `${flow ?? ""} ${cause.type} ${code}`);
    const after = now.map(({ code, flow, type }) => `${flow ?? ""} ${type} ${code}`);
    this.tally.rejections += was.length;
    this.tally.decided += 1;
    if (before.toSorted().join("\n") === after.toSorted().join("\n")) return;
    const [first] = [...was.map(({ ns, flow }) => ({ ns, flow })), ...now];
    // Of a version that is another one by now, nobody is told what is wrong with an event.
    if (first !== undefined && registry.changedNow(first.ns, first.flow))
      return this.tally.missed("registry-changed");
    this.tally.differ += 1;
    this.#options.onDifference({
      instance: undefined,
      partition,
      offset: undefined,
      seq: undefined,
      at,
      cause: was[0]?.cause ?? { kind: "device", type: now[0]?.type ?? "", offset },
      changes: [{ path: "rejected", was: before, now: after }],
    });
  }

  /** Counts events that would have been copied to partitions that they were not copied to. */
  #elsewhere(partition: number): WalkParts["onElsewhere"] {
    const then = this.#registry.open();
    const reader = new Reader({
      partition,
      partitions: this.#log.partitions,
      catalogue: then.catalogue,
      world: worldThen(then.catalogue),
      deliveriesMax: Number.POSITIVE_INFINITY,
    });
    return (record: LogRecord, at: EpochMs, partitions: readonly number[]) => {
      then.advance(at);
      const { copyTo } = reader.read(record, at, new Set());
      if (partitions.some((one) => !copyTo.includes(one))) this.tally.missed("elsewhere");
    };
  }
}

interface Pass {
  readonly judge: Judge;
  readonly held: { readonly slice: Slice };
  readonly world: World;
}

function worldThen(catalogue: Catalogue): World {
  return worldOf(catalogue, allowAll, defaultLimits);
}
