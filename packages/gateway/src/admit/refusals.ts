/**
 * Every way in which the gateway says no to an MQTT client, in the words of both protocols.
 *
 * - `reason`: the MQTT 5 reason code, the same in CONNACK, PUBACK, SUBACK and DISCONNECT (2.4).
 * - `connack`: the 3.1.1 CONNECT return code (3.2.2.3); `close` where 3.1.1 has none that fits.
 * - `puback`: whether a publish can be refused with it and the connection live on (MQTT 5, 3.4.2.1).
 *   All others end the connection, as does every refusal of a publish to a 3.1.1 client (4.8).
 *
 * A refused subscription is the reason code in MQTT 5 and 0x80 in 3.1.1 (3.9.3).
 */
export const refusals = {
  unspecified: { reason: 0x80, connack: 0x03, puback: true },
  "malformed-packet": { reason: 0x81, connack: "close", puback: false },
  "protocol-error": { reason: 0x82, connack: "close", puback: false },
  "protocol-not-supported": { reason: 0x84, connack: 0x01, puback: false },
  "client-id-not-valid": { reason: 0x85, connack: 0x02, puback: false },
  "bad-credentials": { reason: 0x86, connack: 0x04, puback: false },
  "not-authorized": { reason: 0x87, connack: 0x05, puback: true },
  "server-unavailable": { reason: 0x88, connack: 0x03, puback: false },
  "server-busy": { reason: 0x89, connack: 0x03, puback: false },
  banned: { reason: 0x8a, connack: 0x05, puback: false },
  "server-shutting-down": { reason: 0x8b, connack: 0x03, puback: false },
  "bad-authentication-method": { reason: 0x8c, connack: 0x05, puback: false },
  "keep-alive-timeout": { reason: 0x8d, connack: "close", puback: false },
  "session-taken-over": { reason: 0x8e, connack: "close", puback: false },
  "topic-filter-invalid": { reason: 0x8f, connack: "close", puback: false },
  "topic-name-invalid": { reason: 0x90, connack: 0x05, puback: true },
  "receive-maximum-exceeded": { reason: 0x93, connack: "close", puback: false },
  "topic-alias-invalid": { reason: 0x94, connack: "close", puback: false },
  "packet-too-large": { reason: 0x95, connack: "close", puback: false },
  "message-rate-too-high": { reason: 0x96, connack: 0x03, puback: false },
  "quota-exceeded": { reason: 0x97, connack: 0x03, puback: true },
  "administrative-action": { reason: 0x98, connack: 0x05, puback: false },
  "payload-format-invalid": { reason: 0x99, connack: "close", puback: true },
  "retain-not-supported": { reason: 0x9a, connack: "close", puback: false },
  "qos-not-supported": { reason: 0x9b, connack: "close", puback: false },
  "shared-subscriptions-not-supported": { reason: 0x9e, connack: "close", puback: false },
} as const satisfies Record<
  string,
  { reason: number; connack: 0x01 | 0x02 | 0x03 | 0x04 | 0x05 | "close"; puback: boolean }
>;

export type RefusalName = keyof typeof refusals;

/** MQTT 3.1, 3.1.1 and 5 by the level that CONNECT carries. */
export type ProtocolLevel = 3 | 4 | 5;

/** An answer, not a fault of ours: what was refused, and why in one clause for logs and reason strings. */
export interface Refusal {
  readonly refused: RefusalName;
  readonly detail: string;
}

export function refuse(refused: RefusalName, detail: string): Refusal {
  return { refused, detail };
}

/** @returns the code of a CONNACK that refuses, or `close` when the protocol has none */
export function connackCode(refused: RefusalName, protocol: ProtocolLevel): number | "close" {
  return protocol === 5 ? refusals[refused].reason : refusals[refused].connack;
}

/** The code of one refused filter in a SUBACK. */
export function subackCode(refused: RefusalName, protocol: ProtocolLevel): number {
  return protocol === 5 ? refusals[refused].reason : 0x80;
}

/** @returns the code of a PUBACK that refuses, or `end` when the connection must end instead */
export function pubackCode(
  refused: RefusalName,
  protocol: ProtocolLevel,
  qos: number,
): number | "end" {
  const row = refusals[refused];
  return protocol === 5 && qos > 0 && row.puback ? row.reason : "end";
}
