import type { CallErrorReason } from "@millrace/shared/contract/call-result";
import { Histogram } from "@millrace/shared/telemetry/histogram";

export interface DispatchOptions {
  /** An effect that takes longer is put aside, so that the bookmark can move on. */
  readonly parkMs: number;
  /** Pause before a command that nobody took is offered again, besides when somebody subscribes. */
  readonly retryMs: number;
  /** Pause before an instance is asked again to keep an effect: its flow version may be unknown yet. */
  readonly askAgainMs: number;
  /** How often the bookmark is written down. */
  readonly bookmarkMs: number;
  /** Steps with effects that are being carried out, beyond which a partition is paused. */
  readonly underWayMax: number;
  /** How long a partition may be paused before it is said to be behind; 0 is for ever. */
  readonly lagMsMax: number;
  /** An attempt of a call is given its own timeout, and this long at the most. */
  readonly callTimeoutMsMax: number;
  /** An answer is read up to here: what a flow takes of it has to fit into an instance. */
  readonly callBodyBytesMax: number;
  /** Pause before a call is tried again: a random part of this, twice as much each time. */
  readonly callBackoffMs: number;
  readonly callBackoffMsMax: number;
  /** How long a host may ask to be left alone (`Retry-After`). */
  readonly callRetryAfterMsMax: number;
  /** Requests to one host at a time. */
  readonly callsAtOnceMax: number;
  /** Calls that wait for one host. */
  readonly callsWaitingMax: number;
  /** Failures in a row, after which a host is left alone for a while. */
  readonly circuitFailures: number;
  readonly circuitOpenMs: number;
}

export const defaultDispatchOptions: DispatchOptions = {
  parkMs: 1_000,
  retryMs: 5_000,
  askAgainMs: 10_000,
  bookmarkMs: 1_000,
  underWayMax: 10_000,
  lagMsMax: 60_000,
  callTimeoutMsMax: 300_000,
  callBodyBytesMax: 64 * 1_024,
  callBackoffMs: 500,
  callBackoffMsMax: 30_000,
  callRetryAfterMsMax: 60_000,
  callsAtOnceMax: 16,
  callsWaitingMax: 10_000,
  circuitFailures: 5,
  circuitOpenMs: 30_000,
};

/** What a dispatcher has done since it started. */
export interface DispatchCounters {
  records: number;
  void: number;
  delivered: number;
  refused: number;
  superseded: number;
  /** Commands that nobody had by their deadline. */
  expired: number;
  parked: number;
  /** Commands and calls that nobody waited for any more before that: of a state that was left, say. */
  dropped: number;
  sent: number;
  published: number;
  callsDone: number;
  callsFailed: number;
  /** Attempts of calls after their first ones. */
  callsRetried: number;
  /** The calls that failed, by why. */
  callErrors: Partial<Record<CallErrorReason, number>>;
}

export function dispatchCounters(): DispatchCounters {
  return {
    records: 0,
    void: 0,
    delivered: 0,
    refused: 0,
    superseded: 0,
    expired: 0,
    parked: 0,
    dropped: 0,
    sent: 0,
    published: 0,
    callsDone: 0,
    callsFailed: 0,
    callsRetried: 0,
    callErrors: {},
  };
}

/** How long effects took, from when they were read in the journal until they ended. */
export interface DispatchDurations {
  readonly command: Histogram;
  readonly call: Histogram;
}

export function dispatchDurations(): DispatchDurations {
  return { command: new Histogram(), call: new Histogram() };
}
