import type { EventHeader } from "@millrace/shared/contract/event-record";
import { type Bindings, type Instance, isEnded, nextDue } from "@millrace/shared/contract/instance";
import type { Cause, RejectionCode } from "@millrace/shared/contract/journal-record";
import type { InstanceRef } from "@millrace/shared/contract/names";
import { partitionOf } from "@millrace/shared/contract/partition";
import { decide } from "@millrace/shared/core/decide/decide";
import type { Decision } from "@millrace/shared/core/decision";
import { bareThing, defaultLimits, type World } from "@millrace/shared/core/world";
import type { Flow } from "@millrace/shared/flow/flow";
import { allowAll } from "@millrace/shared/policy/authorize";
import type { LogRecord } from "@millrace/shared/ports/event-log";
import { flowOf } from "./flows.ts";
import type { DeploymentHistory } from "./deployment-history.ts";
import { isKeptNoLonger } from "./fold-invariants.ts";
import { addressed, headerOf, inputFor, type Interest, isCopy, listeners } from "./interest.ts";

/**
 * What one partition ought to do: its input folded one by one, with no faults, no batches, no store and
 * no memory but this. Of the product it has `decide`, for one step, and nothing that runs it.
 */
export class Reference {
  readonly instances = new Map<string, Instance>();
  /** Stamps of records that were taken, `writer:n`. */
  readonly taken = new Set<string>();
  /** Records that a stamp kept out though nobody had taken them before. */
  readonly lost: string[] = [];
  /** Stamps of the copies that other partitions ought to get. */
  readonly copies: { readonly to: number; readonly stamp: string }[] = [];
  time = 0;
  readonly #partition: number;
  readonly #partitions: number;
  readonly #deployments: DeploymentHistory;
  readonly #highest = new Map<string, number>();
  /** Instances without a record since the last pass began: those that are kept no longer may be gone. */
  readonly #beforeCheckpoint = new Set<string>();

  constructor(partition: number, partitions: number, deployments: DeploymentHistory) {
    this.#partition = partition;
    this.#partitions = partitions;
    this.#deployments = deployments;
  }

  /** The next record of `events`. @returns who has to hear of it; nobody, if it is a repeat */
  take(record: LogRecord): Interest[] {
    this.time = Math.max(this.time, record.time);
    const header = headerOf(record);
    if (header === undefined) return [{ name: undefined, fault: "malformed-record", record }];
    if (this.#isRepeat(header)) {
      const stamp = `${header.w}:${header.n}`;
      if (!this.taken.has(stamp) && this.#mustHear(record, header)) this.lost.push(stamp);
      return [];
    }
    const seen =
      header.kind === "device"
        ? listeners(record, header, this.#deployments)
        : [addressed(record, header)];
    const { time: at } = this;
    return seen.flatMap((one) => {
      const misplaced = one.to !== undefined && this.#placeOf(one.to) !== this.#partition;
      if (!misplaced) return isCopy(header) && one.fault !== undefined ? [] : [{ ...one, at }];
      if (!isCopy(header) && one.deployed?.isSure !== false)
        this.#copy(this.#placeOf(one.to as InstanceRef), record.offset);
      return [];
    });
  }

  /** A copy for a deployment of which the owner had learnt later may come after a newer one. */
  #mustHear(record: LogRecord, header: EventHeader): boolean {
    if (header.kind !== "device" || !isCopy(header)) return true;
    const all = listeners(record, header, this.#deployments);
    return all.some(
      ({ to, deployed }) =>
        to !== undefined && this.#placeOf(to) === this.#partition && deployed?.isSure !== false,
    );
  }

  /** A record was rejected unread: it is copied to nobody. */
  unread(offset: number): void {
    const stamp = `events/${this.#partition}:${offset}`;
    const kept = this.copies.filter((copy) => copy.stamp !== stamp);
    this.copies.splice(0, this.copies.length, ...kept);
  }

  #copy(to: number, offset: number): void {
    const stamp = `events/${this.#partition}:${offset}`;
    if (!this.copies.some((copy) => copy.to === to && copy.stamp === stamp)) {
      this.copies.push({ to, stamp });
    }
  }

  #placeOf({ ns, key }: InstanceRef): number {
    return partitionOf(`${ns}/${key}`, this.#partitions);
  }

  #isRepeat({ w, n }: EventHeader): boolean {
    const stamp = `${w}:${n}`;
    const repeat = n <= (this.#highest.get(w) ?? -1);
    if (!repeat) this.#highest.set(w, n);
    if (!repeat) this.taken.add(stamp);
    return repeat;
  }

  /**
   * @param version what a new instance runs, where more than one is about
   * @param by log time by which it was decided
   * @returns what may come of it: an instance that is kept no longer is there, or it is not, and what a
   * deployment binds is as old as a process may hold it
   */
  decide(of: Interest, version: string | undefined, by = Infinity): readonly Expected[] {
    if (of.fault !== undefined && of.to === undefined)
      return [{ kind: "rejected", code: of.fault }];
    const instance = this.instances.get(of.name ?? "");
    const isGone = instance !== undefined && this.#mayBeGone(of.name ?? "", instance);
    return this.#bindings(of, by).flatMap((things) => [
      this.#decide(of, version, instance, things),
      ...(isGone ? [this.#decide(of, version, undefined, things)] : []),
    ]);
  }

  #bindings({ deployed, device, at = 0 }: Interest, by: number): readonly (Bindings | undefined)[] {
    if (deployed === undefined) return [undefined];
    const { name, role } = deployed;
    const held = this.#deployments.heldBetween(name, at, by);
    return held.filter((things) => things?.[role] === device?.thing);
  }

  #decide(
    of: Interest,
    version: string | undefined,
    instance: Instance | undefined,
    things: Bindings | undefined,
  ): Expected {
    const running = instance !== undefined && !isEnded(instance);
    const flow = flowOf.get((running ? instance.version : version) ?? "");
    if (of.device !== undefined && flow?.inputs.has(of.device.type) !== true)
      return { kind: "ignored" };
    return expected(decide(instance, inputFor(of, flow as Flow, things), worldWith(flow)));
  }

  /** The next timer of an instance fires at a time. */
  fire(name: string, at: number): Expected {
    const instance = this.instances.get(name);
    if (instance === undefined) return { kind: "ignored" };
    this.time = Math.max(this.time, at);
    const { ns, flow, key } = instance;
    return expected(decide(instance, { kind: "timer", to: { ns, flow, key }, at }, worldWith()));
  }

  settle(name: string, instance: Instance | undefined): void {
    if (instance === undefined) return;
    this.instances.set(name, instance);
    this.#beforeCheckpoint.delete(name);
  }

  /** A pass begins. */
  checkpoint(): void {
    for (const name of this.instances.keys()) this.#beforeCheckpoint.add(name);
  }

  #mayBeGone(name: string, instance: Instance): boolean {
    return this.#beforeCheckpoint.has(name) && isKeptNoLonger(instance, this.time);
  }

  /** The earliest timer of all, or of one instance. */
  due(name: string): number {
    const instance = this.instances.get(name);
    return (instance && nextDue(instance)) ?? Number.POSITIVE_INFINITY;
  }
}

/** What ought to stand in the journal. */
export interface Expected {
  readonly kind: Decision["kind"];
  readonly code?: RejectionCode;
  readonly cause?: Cause;
  /** A step's whole text. */
  readonly text?: string;
  readonly instance?: Instance | undefined;
}

function expected(decision: Decision): Expected {
  if (decision.kind === "ignored") return { kind: "ignored" };
  if (decision.kind === "step")
    return { kind: "step", text: decision.json, instance: decision.step.instance };
  const { code, cause, instance } = decision.rejected;
  return { kind: "rejected", code, cause, instance };
}

function worldWith(current?: Flow): World {
  return {
    flow: (version) => flowOf.get(version),
    current: () => current,
    bindings: () => undefined,
    thing: (_ns, name) => bareThing(name),
    authorize: allowAll,
    limits: defaultLimits,
  };
}
