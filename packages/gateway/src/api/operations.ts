import type { Effect, Verdict } from "@millrace/shared/contract/effect";
import type { Bindings, Instance, StateValue } from "@millrace/shared/contract/instance";
import type { Json, JsonObject } from "@millrace/shared/contract/json";
import type { Cause } from "@millrace/shared/contract/journal-record";
import type { InstanceRef } from "@millrace/shared/contract/names";
import type {
  InstancePage,
  InstanceQuery,
  RejectionPage,
  RejectionQuery,
} from "@millrace/shared/ports/state-store";

/** What people and programs can ask of an installation; the HTTP API is one way to ask. */
export interface Operations {
  flows(): readonly FlowInfo[];
  deployment(ns: string, name: string): DeploymentInfo | undefined;
  deployments(query: DeploymentQuery): DeploymentPage;
  instance(ref: InstanceRef): Promise<Instance | undefined>;
  instances(query: InstanceQuery): Promise<InstancePage>;
  history(ref: InstanceRef, page: HistoryQuery): Promise<HistoryPage>;
  rejections(query: RejectionQuery): Promise<RejectionPage>;
  /** A part of a search for what belongs to a trace. */
  trace(query: TraceQuery): Promise<TraceSearchPage>;
  /** Resolves when the log has the signal. */
  signal(ref: InstanceRef, signal: SignalRequest): Promise<SignalReceipt>;
  health(): Promise<Health>;
}

export interface FlowInfo {
  readonly namespace: string;
  readonly name: string;
  /** Content hash of the version that new instances run. */
  readonly version: string;
  readonly description?: string;
  /** The folder it came from. */
  readonly origin: string;
  readonly retired: boolean;
  /** What its deployments bind things to; absent where it is not deployed. */
  readonly roles?: readonly string[];
  readonly inputs: readonly { readonly name: string; readonly topic: string }[];
  readonly commands: readonly { readonly name: string; readonly topic: string }[];
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
  /** W3C `traceparent` that came with the request. */
  readonly trace?: string | undefined;
}

export interface SignalReceipt {
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
