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
}

export const defaultDispatchOptions: DispatchOptions = {
  parkMs: 1_000,
  retryMs: 5_000,
  askAgainMs: 10_000,
  bookmarkMs: 1_000,
  underWayMax: 10_000,
};

/** What a dispatcher has done since it started. */
export interface DispatchCounters {
  records: number;
  void: number;
  delivered: number;
  refused: number;
  superseded: number;
  parked: number;
  /** Commands that nobody waited for any more: expired, or too late. */
  dropped: number;
  sent: number;
  published: number;
  calls: number;
}

export function dispatchCounters(): DispatchCounters {
  return {
    records: 0,
    void: 0,
    delivered: 0,
    refused: 0,
    superseded: 0,
    parked: 0,
    dropped: 0,
    sent: 0,
    published: 0,
    calls: 0,
  };
}
