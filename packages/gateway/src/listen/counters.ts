/** What a listener counted since it began; read by metrics, so only ever up. */
export interface Counters {
  accepted: number;
  /** Over `connectionsMax`: closed unheard. */
  acceptsRefused: number;
  connects: number;
  connectsRefused: number;
  takeovers: number;
  publishesQos0: number;
  publishesQos1: number;
  /** QoS 0 that came while the broker was congested. */
  publishesDropped: number;
  /** Refused by a rule, or by the broker for good. */
  publishesRefused: number;
  /** 3.1.1 publishes and wills whose retain flag was ignored. */
  retainsIgnored: number;
  /** 3.1.1 repeats of a publish that was still unacknowledged. */
  repeatsIgnored: number;
  willsPublished: number;
  sentQos0: number;
  sentQos1: number;
  /** Copies that were not sent, by why. */
  sendsDroppedSlow: number;
  sendsDroppedTooLarge: number;
  sendsDroppedExpired: number;
  sendsDenied: number;
  /** Connections ended because the client broke a rule of the protocol. */
  protocolErrors: number;
  keepAliveTimeouts: number;
}

export function noCounts(): Counters {
  return {
    accepted: 0,
    acceptsRefused: 0,
    connects: 0,
    connectsRefused: 0,
    takeovers: 0,
    publishesQos0: 0,
    publishesQos1: 0,
    publishesDropped: 0,
    publishesRefused: 0,
    retainsIgnored: 0,
    repeatsIgnored: 0,
    willsPublished: 0,
    sentQos0: 0,
    sentQos1: 0,
    sendsDroppedSlow: 0,
    sendsDroppedTooLarge: 0,
    sendsDroppedExpired: 0,
    sendsDenied: 0,
    protocolErrors: 0,
    keepAliveTimeouts: 0,
  };
}
