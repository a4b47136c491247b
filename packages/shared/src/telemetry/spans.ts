/** Every span, once: its name, its kind by OpenTelemetry, and what it covers. */
interface SpanDefinition {
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  readonly role: "gateway" | "engine" | "dispatcher" | "every";
  readonly description: string;
}

export const spans = {
  publish: {
    kind: "server",
    role: "gateway",
    description: "a device's publish, from when it was taken until the log has it",
  },
  signal: {
    kind: "server",
    role: "gateway",
    description: "a signal by the HTTP API, until the log has it",
  },
  "append events": {
    kind: "producer",
    role: "every",
    description: "one append to `events`, repeats included; linked to the others that are in it",
  },
  copy: {
    kind: "producer",
    role: "engine",
    description: "an event that is written to another partition, for instances there",
  },
  step: {
    kind: "consumer",
    role: "engine",
    description: "from when a turn takes an input until its step is acknowledged in the journal",
  },
  reject: {
    kind: "consumer",
    role: "engine",
    description: "the same of an input that is rejected",
  },
  "append journal": {
    kind: "producer",
    role: "engine",
    description: "one append to the journal; linked to the others that are in it",
  },
  command: {
    kind: "producer",
    role: "dispatcher",
    description: "a command, from when its step was read until it has ended, parked or not",
  },
  call: {
    kind: "internal",
    role: "dispatcher",
    description: "a call, from when its step was read until it has ended, pauses included",
  },
  request: {
    kind: "client",
    role: "dispatcher",
    description: "one request of a call",
  },
  send: {
    kind: "producer",
    role: "dispatcher",
    description: "a signal to another instance, until the log has it",
  },
  emit: {
    kind: "producer",
    role: "dispatcher",
    description: "a record that is published for others, until the log has it",
  },
  deliver: {
    kind: "producer",
    role: "gateway",
    description: "a command at a gateway, until a device has it or nobody does",
  },
} as const satisfies Readonly<Record<string, SpanDefinition>>;

export type SpanName = keyof typeof spans;
