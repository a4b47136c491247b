import type { Effect, Verdict } from "@millrace/shared/contract/effect";
import type { OperatorAction, Where } from "@millrace/shared/contract/event-record";
import type {
  Bindings,
  Instance,
  InstanceStatus,
  StateValue,
} from "@millrace/shared/contract/instance";
import type { Json, JsonObject } from "@millrace/shared/contract/json";
import type { Cause } from "@millrace/shared/contract/journal-record";
import type { InstanceRef } from "@millrace/shared/contract/names";
import type {
  InstancePage,
  InstanceQuery,
  PlacedRejection,
  RejectionPage,
  RejectionQuery,
} from "@millrace/shared/ports/state-store";

/** What people and programs can ask of an installation; the HTTP API is one way to ask. */
export interface Operations {
  flows(): readonly FlowInfo[];
  flow(ns: string, name: string): FlowDetail | undefined;
  /** @param version its hash, or how it begins, where only one begins so */
  flowVersion(ns: string, name: string, version: string): FlowVersion | undefined;
  /**
   * Publishes the flows of a text, if all of it is good. Resolves when the log has them, and this process
   * knows them.
   *
   * @throws OperationalError FLOW-002 with all faults, FLOW-003 for a flow that comes from a folder
   */
  publishFlows(text: string, file: string): Promise<readonly PublishedFlow[]>;
  /**
   * @returns undefined where there is no such flow
   * @throws OperationalError FLOW-003 for one that comes from a folder
   */
  retireFlow(ns: string, name: string): Promise<FlowInfo | undefined>;
  /**
   * Moves running instances to another version, a page of them at a time. Resolves when the log has what
   * is wanted of those of the page.
   *
   * @throws OperationalError API-001 for a flow or version that there is not, API-002 for states of the
   * map that `to` does not have, and for more than `max`
   */
  migrateFlow(request: MigrationRequest): Promise<MigrationPage>;
  deployment(ns: string, name: string): DeploymentInfo | undefined;
  deployments(query: DeploymentQuery): DeploymentPage;
  instance(ref: InstanceRef): Promise<Instance | undefined>;
  instances(query: InstanceQuery): Promise<InstancePage>;
  history(ref: InstanceRef, page: HistoryQuery): Promise<HistoryPage>;
  rejections(query: RejectionSearch): Promise<RejectionPage>;
  /** One of them, however old; undefined where there is none at that place. */
  rejection(place: RejectionPlace): Promise<PlacedRejection | undefined>;
  /**
   * What is journalled from now on.
   *
   * @param cursor of a page, to go on behind it
   * @throws OperationalError API-002 for a cursor that no page gave, LOG-006 for one that is too old
   */
  journal(cursor: string | undefined): Promise<JournalTail>;
  /** A part of a search for what belongs to a trace. */
  trace(query: TraceQuery): Promise<TraceSearchPage>;
  /** Resolves when the log has the signal. */
  signal(ref: InstanceRef, signal: SignalRequest): Promise<Receipt>;
  /** Resolves when the log has what an operator wants of an instance. */
  operate(ref: InstanceRef, request: OperatorRequest): Promise<Receipt>;
  /**
   * Gives a rejected input again, as it came, to the flow that could not take it. Resolves when the log
   * has it.
   *
   * @throws OperationalError API-001 where there is none at that place, API-002 for one that cannot be
   * given again, LOG-006 when the log no longer has it
   */
  redrive(place: RejectionPlace): Promise<Receipt>;
  /** Whether it can be: it is there, is no timer's, and the log still has it. */
  canRedrive(place: RejectionPlace): Promise<boolean>;
  health(): Promise<Health>;
}

export interface RejectionPlace {
  readonly ns: string;
  readonly partition: number;
  readonly offset: number;
}

export interface JournalTail {
  /**
   * @param take is given what was journalled, and the cursor behind it
   * @param ended is told when it cannot go on
   * @returns what ends it
   */
  open(
    take: (events: readonly JournalEvent[], next: string) => void,
    ended: () => void,
  ): () => void;
}

/** A step or a rejection, as it is shown to those who look on. */
export interface JournalEvent {
  readonly kind: "step" | "rejected";
  readonly partition: number;
  readonly offset: number;
  readonly at: number;
  readonly namespace: string;
  readonly flow?: string;
  readonly key?: string;
  readonly cause: Cause;
  readonly traceId?: string;
  /** Of a step. */
  readonly seq?: number;
  readonly status?: InstanceStatus;
  readonly from?: StateValue | null;
  readonly to?: StateValue;
  readonly effects?: readonly Omit<Effect, "verdict">[];
  /** Of a rejection. */
  readonly code?: string;
  readonly detail?: string;
  /** As the step left it; for watchers of one instance. */
  readonly instance?: Instance;
}

export interface FlowInfo {
  readonly namespace: string;
  readonly name: string;
  /** Content hash of the version that new instances run. */
  readonly version: string;
  readonly description?: string;
  /** The folder it came from, or `api`. */
  readonly origin: string;
  readonly retired: boolean;
  /** What its deployments bind things to; absent where it is not deployed. */
  readonly roles?: readonly string[];
  readonly inputs: readonly { readonly name: string; readonly topic: string }[];
  readonly commands: readonly { readonly name: string; readonly topic: string }[];
}

export interface MigrationRequest {
  readonly ns: string;
  readonly name: string;
  /** Instances of this version, or how it begins; of all others than `to` without it. */
  readonly from?: string;
  /** What they go on with, or how it begins; the one that new instances run without it. */
  readonly to?: string;
  /** States by what they are called in `to`. */
  readonly map: Readonly<Record<string, string>>;
  readonly reason?: string;
  /** Whether to count only. */
  readonly preview: boolean;
  /** Refused, but for a preview, where there are more from this page on. */
  readonly max: number;
  readonly cursor?: string;
  readonly limit: number;
}

/** What a page of instances came to, or would come to. */
export interface MigrationPage {
  /** The version that they go on with. */
  readonly to: string;
  /** How many are migrated. */
  readonly count: number;
  /** By the states that they are in. */
  readonly states: readonly MigratedState[];
  readonly next?: string;
}

export interface MigratedState {
  readonly state: StateValue;
  /** What it is in the other version; absent where that has no such state: those stay as they are. */
  readonly becomes?: StateValue;
  readonly count: number;
}

export interface FlowVersion {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** As it was written. */
  readonly file: JsonObject;
}

export interface FlowDetail extends FlowInfo {
  readonly file: JsonObject;
  /** In the order in which they were first published. */
  readonly versions: readonly { readonly version: string; readonly current: boolean }[];
}

export interface PublishedFlow {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** The version that was in force before; absent where there was none. */
  readonly before?: string;
}

export interface DeploymentInfo {
  readonly namespace: string;
  readonly name: string;
  readonly flow: string;
  /** Names of things by roles. */
  readonly things: Bindings;
  /** The folder it came from. */
  readonly origin: string;
}

export interface DeploymentQuery {
  readonly ns: string;
  readonly flow?: string;
  /** In any role. */
  readonly thing?: string;
  /** The name to go on behind. */
  readonly cursor?: string;
  readonly limit: number;
}

export interface DeploymentPage {
  /** In the order of their names. */
  readonly items: readonly DeploymentInfo[];
  /** The cursor of the next page, where there is one. */
  readonly next?: string;
}

export interface HistoryQuery {
  /** Steps before this one; the newest without it. */
  readonly beforeSeq?: number;
  readonly limit: number;
}

export interface HistoryPage {
  /** Newest first. */
  readonly steps: readonly HistoryStep[];
  /** The seq to go on before, where there is more, or the search took too long. */
  readonly next?: number;
}

export interface HistoryStep {
  readonly seq: number;
  readonly at: number;
  readonly cause: Cause;
  /** Of the cause, as it came: JSON where it is JSON, else `{base64}`; a timer has none. */
  readonly payload?: Json;
  /** Why it is not shown: the log has deleted it, or there was no time to read it. */
  readonly noPayload?: "deleted" | "not-read";
  readonly from: StateValue | null;
  readonly to: StateValue;
  readonly effects: readonly Omit<Effect, "verdict">[];
  readonly verdicts: readonly (Verdict & { readonly effect: number })[];
  readonly traceId?: string;
  readonly context: JsonObject;
}

export interface TraceQuery {
  readonly ns: string;
  readonly id: string;
  /** How far back to search, in milliseconds. */
  readonly sinceMs: number;
  /** Where to go on; at the end of the first partition without it. */
  readonly from?: { readonly partition: number; readonly below?: number | undefined };
}

export interface TraceSearchPage {
  readonly items: readonly TracedStep[];
  /** How many records were looked at for this page, up to which partition of how many. */
  readonly searched: number;
  readonly partition: number;
  readonly partitions: number;
  /** The cursor of the next page, where the search is not over. */
  readonly next?: string;
}

/** A step or a rejection of a trace. Times are the log's. */
export interface TracedStep {
  readonly partition: number;
  readonly offset: number;
  /** When the journal took it. */
  readonly at: number;
  /** The time by which it was decided: of its input, or when its timer fired. */
  readonly decidedAt: number;
  readonly traceparent: string;
  readonly flow?: string;
  readonly key?: string;
  readonly seq?: number;
  readonly cause: Cause;
  readonly from?: StateValue | null;
  readonly to?: StateValue;
  readonly rejected?: { readonly code: string; readonly detail: string };
  readonly effects: readonly {
    readonly id: string;
    readonly kind: string;
    readonly name: string;
  }[];
  /** The event that it came of, where there is one, and the log still has it. */
  readonly input?: {
    readonly offset: number;
    readonly at: number;
    readonly payload: Json;
    /** Of a copy: the event that was copied. */
    readonly original?: {
      readonly at: number;
      readonly partition: number;
      readonly offset: number;
    };
  };
}

export interface SignalRequest {
  readonly type: string;
  readonly payload: JsonObject;
  /** Makes a repeat be taken once; made up where it is absent. */
  readonly id?: string | undefined;
  /** Looked at again when it is taken. */
  readonly where?: Where | undefined;
  /** W3C `traceparent` that came with the request. */
  readonly trace?: string | undefined;
}

export interface OperatorRequest {
  readonly action: OperatorAction;
  readonly reason?: string | undefined;
  /** Makes a repeat be taken once; made up where it is absent. */
  readonly id?: string | undefined;
  /** Looked at again when it is taken. */
  readonly where?: Where | undefined;
  /** W3C `traceparent` that came with the request. */
  readonly trace?: string | undefined;
}

export interface RejectionSearch extends RejectionQuery {
  readonly code?: string;
  readonly key?: string;
  readonly thing?: string;
  /** Log times: at or after one, before the other. */
  readonly since?: number;
  readonly until?: number;
}

/** Where the log has what was said to an instance. */
export interface Receipt {
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
}

export interface Health {
  /** Whether this process does its work. */
  readonly ready: boolean;
  /** Why it does not, for people. */
  readonly reasons: readonly string[];
  readonly facts: Readonly<Record<string, Json>>;
}
