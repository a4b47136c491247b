/**
 * Every metric, once: the docs, the dashboards, the alerts and what a process exports are made from this,
 * so it is one table, however long it gets. Names follow OpenTelemetry; `millrace.*` are ours.
 *
 * Counters only rise from the start of their process on; a gauge is as it is at the time of the look.
 */
import { callErrorReasons } from "../contract/call-result.ts";
import { rejectionCodes } from "../contract/journal-record.ts";
import { ignoredReasons } from "../core/decision.ts";

interface MetricDefinition {
  readonly kind: "counter" | "gauge" | "histogram";
  /** UCUM, as OpenTelemetry has it: `s`, `By`, or what is counted in braces; empty for yes and no. */
  readonly unit: string;
  /** Which processes have it. */
  readonly role: "every" | "gateway" | "engine" | "dispatcher";
  readonly description: string;
  /** Values of each label; undefined where they are numbers of partitions. */
  readonly labels?: Readonly<Record<string, readonly string[] | undefined>>;
}

/** Labels whose values are the numbers of the partitions that a process holds. */
const perPartition = { partition: undefined };

export const metrics = {
  // ---- every process
  "millrace.ready": {
    kind: "gauge",
    unit: "",
    role: "every",
    description: "1 where the process does its work, 0 where `/readyz` says why it does not",
  },
  "millrace.knowledge.age": {
    kind: "gauge",
    unit: "s",
    role: "every",
    description:
      "how old the word is that the process goes by: since when it is not known that it has read all of the registry, which gateways there are, and where the logs end",
    labels: { of: ["registry", "gateways", "log-ends"] },
  },
  "millrace.peers": {
    kind: "gauge",
    unit: "{gateway}",
    role: "every",
    description: "other gateways that are known, by whether there is a connection to them",
    labels: { state: ["connected", "lost"] },
  },
  "millrace.store.connected": {
    kind: "gauge",
    unit: "",
    role: "every",
    description: "1 where the store can be reached, 0 from when the connection was lost",
  },
  "millrace.events.queued": {
    kind: "gauge",
    unit: "By",
    role: "every",
    description: "what waits in this process to be written to `events`",
  },
  "millrace.events.append.duration": {
    kind: "histogram",
    unit: "s",
    role: "every",
    description:
      "from when an append to `events` is sent until it is acknowledged, repeats included",
  },
  "millrace.events.append.repeats": {
    kind: "counter",
    unit: "{append}",
    role: "every",
    description: "appends to `events` that were not answered, and were sent again",
  },
  "process.uptime": {
    kind: "gauge",
    unit: "s",
    role: "every",
    description: "since the process was started",
  },
  "process.cpu.time": {
    kind: "counter",
    unit: "s",
    role: "every",
    description: "CPU that the process has used",
    labels: { "cpu.mode": ["user", "system"] },
  },
  "process.memory.usage": {
    kind: "gauge",
    unit: "By",
    role: "every",
    description: "memory that the process holds",
  },

  // ---- gateways
  "millrace.gateway.connections": {
    kind: "gauge",
    unit: "{connection}",
    role: "gateway",
    description: "MQTT connections that are open, let in or not",
  },
  "millrace.gateway.clients": {
    kind: "gauge",
    unit: "{client}",
    role: "gateway",
    description: "MQTT clients that were let in and are connected",
  },
  "millrace.gateway.connections.held": {
    kind: "gauge",
    unit: "{connection}",
    role: "gateway",
    description: "connections that are not read because the log is behind",
  },
  "millrace.gateway.connections.accepted": {
    kind: "counter",
    unit: "{connection}",
    role: "gateway",
    description: "connections that came, and whether there was room for them",
    labels: { outcome: ["taken", "refused"] },
  },
  "millrace.gateway.connects": {
    kind: "counter",
    unit: "{connect}",
    role: "gateway",
    description: "CONNECTs, by whether the client was let in",
    labels: { outcome: ["let-in", "refused"] },
  },
  "millrace.gateway.connections.ended": {
    kind: "counter",
    unit: "{connection}",
    role: "gateway",
    description:
      "connections that the gateway ended: the client was dead, broke a rule of the protocol, or had come again",
    labels: { reason: ["keep-alive", "protocol", "taken-over"] },
  },
  "millrace.gateway.publishes": {
    kind: "counter",
    unit: "{publish}",
    role: "gateway",
    description: "publishes of devices",
    labels: { qos: ["0", "1"] },
  },
  "millrace.gateway.publishes.dropped": {
    kind: "counter",
    unit: "{publish}",
    role: "gateway",
    description:
      "publishes that were not written: QoS 0 while the log was behind, refused by a rule, for no flow, or a repeat",
    labels: { reason: ["behind", "refused", "no-flow", "repeat"] },
  },
  "millrace.gateway.publishes.pending": {
    kind: "gauge",
    unit: "{publish}",
    role: "gateway",
    description: "publishes that the log has not yet acknowledged",
  },
  "millrace.gateway.sends": {
    kind: "counter",
    unit: "{message}",
    role: "gateway",
    description: "messages that were sent to subscribers",
    labels: { qos: ["0", "1"] },
  },
  "millrace.gateway.sends.dropped": {
    kind: "counter",
    unit: "{message}",
    role: "gateway",
    description: "messages that were not sent to a subscriber, by why",
    labels: { reason: ["slow", "too-large", "expired", "denied"] },
  },

  // ---- engines
  "millrace.engine.partitions": {
    kind: "gauge",
    unit: "{partition}",
    role: "engine",
    description: "partitions that the group gave to this process, by what they are doing",
    labels: { state: ["claiming", "running", "failed", "stopped"] },
  },
  "millrace.engine.lag": {
    kind: "gauge",
    unit: "{record}",
    role: "engine",
    description: "records of a partition of `events` that are not decided yet",
    labels: perPartition,
  },
  "millrace.engine.lag.age": {
    kind: "gauge",
    unit: "s",
    role: "engine",
    description:
      "how long the oldest record that has arrived waits to be decided; 0 where none does",
    labels: perPartition,
  },
  "millrace.engine.records": {
    kind: "counter",
    unit: "{record}",
    role: "engine",
    description: "records of `events` that were taken",
  },
  "millrace.engine.repeats": {
    kind: "counter",
    unit: "{record}",
    role: "engine",
    description: "of these, records that a writer had written before",
  },
  "millrace.engine.steps": {
    kind: "counter",
    unit: "{step}",
    role: "engine",
    description: "steps that were decided",
  },
  "millrace.engine.step.duration": {
    kind: "histogram",
    unit: "s",
    role: "engine",
    description: "from the log's time of an input until its step is acknowledged in the journal",
  },
  "millrace.engine.ignored": {
    kind: "counter",
    unit: "{input}",
    role: "engine",
    description: "inputs that changed nothing, by why",
    labels: { reason: ignoredReasons },
  },
  "millrace.engine.rejections": {
    kind: "counter",
    unit: "{input}",
    role: "engine",
    description: "inputs that could not be taken, by code",
    labels: { code: rejectionCodes },
  },
  "millrace.engine.copies": {
    kind: "counter",
    unit: "{record}",
    role: "engine",
    description: "records that were copied to another partition",
  },
  "millrace.engine.timers.fired": {
    kind: "counter",
    unit: "{timer}",
    role: "engine",
    description: "timers that fired",
  },
  "millrace.engine.timers.pending": {
    kind: "gauge",
    unit: "{instance}",
    role: "engine",
    description: "instances with a timer that is due soon, in memory",
  },
  "millrace.engine.timers.due": {
    kind: "gauge",
    unit: "{instance}",
    role: "engine",
    description: "of these, those whose timer is due and has not fired",
  },
  "millrace.engine.timer.lateness": {
    kind: "histogram",
    unit: "s",
    role: "engine",
    description: "how long after it was due a timer fired, by the log's time",
  },
  "millrace.engine.journal.append.duration": {
    kind: "histogram",
    unit: "s",
    role: "engine",
    description: "from when an append to the journal is sent until it is acknowledged",
  },
  "millrace.engine.journal.size": {
    kind: "gauge",
    unit: "By",
    role: "engine",
    description: "a partition's journal, estimated from the records that its owner has written",
    labels: perPartition,
  },
  "millrace.engine.journal.size.max": {
    kind: "gauge",
    unit: "By",
    role: "engine",
    description: "size of a partition's journal beyond which age no longer keeps a record",
  },
  "millrace.engine.commit.duration": {
    kind: "histogram",
    unit: "s",
    role: "engine",
    description: "from when a commit is sent to the store until it is answered",
  },
  "millrace.engine.instances.cached": {
    kind: "gauge",
    unit: "{instance}",
    role: "engine",
    description: "instances in memory",
  },
  "millrace.engine.instances.uncommitted": {
    kind: "gauge",
    unit: "{instance}",
    role: "engine",
    description: "instances whose last step the store does not have yet",
  },
  "millrace.engine.instances.loaded": {
    kind: "counter",
    unit: "{instance}",
    role: "engine",
    description: "instances that were loaded from the store",
  },
  "millrace.engine.claims": {
    kind: "counter",
    unit: "{claim}",
    role: "engine",
    description: "claims that this process has appended",
  },
  "millrace.engine.ownership.lost": {
    kind: "counter",
    unit: "{tenure}",
    role: "engine",
    description: "tenures that ended because ownership could not be relied on any more",
  },
  "millrace.engine.checkpoints": {
    kind: "counter",
    unit: "{checkpoint}",
    role: "engine",
    description: "checkpoints that were written",
  },
  "millrace.engine.truncations": {
    kind: "counter",
    unit: "{truncation}",
    role: "engine",
    description: "deletions of records that nothing needs",
  },

  // ---- dispatchers
  "millrace.dispatcher.partitions": {
    kind: "gauge",
    unit: "{partition}",
    role: "dispatcher",
    description: "partitions that the group gave to this process, by whether they are dispatched",
    labels: { state: ["running", "taking", "failed"] },
  },
  "millrace.dispatcher.lag": {
    kind: "gauge",
    unit: "{record}",
    role: "dispatcher",
    description: "records of a partition of the journal that are above its bookmark",
    labels: perPartition,
  },
  "millrace.dispatcher.records": {
    kind: "counter",
    unit: "{record}",
    role: "dispatcher",
    description: "records of the journal that were read",
  },
  "millrace.dispatcher.void": {
    kind: "counter",
    unit: "{record}",
    role: "dispatcher",
    description: "of these, records that do not count",
  },
  "millrace.dispatcher.commands": {
    kind: "counter",
    unit: "{command}",
    role: "dispatcher",
    description: "commands that ended, by outcome",
    labels: { outcome: ["delivered", "refused", "superseded", "expired"] },
  },
  "millrace.dispatcher.calls": {
    kind: "counter",
    unit: "{call}",
    role: "dispatcher",
    description: "calls that ended, by outcome",
    labels: { outcome: ["done", "error"] },
  },
  "millrace.dispatcher.call.errors": {
    kind: "counter",
    unit: "{call}",
    role: "dispatcher",
    description: "calls that came to nothing, by why",
    labels: { reason: callErrorReasons },
  },
  "millrace.dispatcher.call.retries": {
    kind: "counter",
    unit: "{attempt}",
    role: "dispatcher",
    description: "attempts of calls after their first ones",
  },
  "millrace.dispatcher.sends": {
    kind: "counter",
    unit: "{signal}",
    role: "dispatcher",
    description: "signals that were sent to other instances",
  },
  "millrace.dispatcher.publishes": {
    kind: "counter",
    unit: "{record}",
    role: "dispatcher",
    description: "records that were published for others",
  },
  "millrace.dispatcher.effects.dropped": {
    kind: "counter",
    unit: "{effect}",
    role: "dispatcher",
    description: "commands and calls that nobody waited for any more, but for those that expired",
  },
  "millrace.dispatcher.effects.parked": {
    kind: "counter",
    unit: "{effect}",
    role: "dispatcher",
    description: "commands and calls that took over a second and were put aside",
  },
  "millrace.dispatcher.effects.pending": {
    kind: "gauge",
    unit: "{effect}",
    role: "dispatcher",
    description: "commands and calls that have not ended, by whether they are put aside",
    labels: { kind: ["command", "call"], state: ["begun", "parked"] },
  },
  "millrace.dispatcher.effect.duration": {
    kind: "histogram",
    unit: "s",
    role: "dispatcher",
    description: "from when an effect is read in the journal until it has ended",
    labels: { kind: ["command", "call"] },
  },
  "millrace.dispatcher.circuits.open": {
    kind: "gauge",
    unit: "{host}",
    role: "dispatcher",
    description: "hosts that are not called for a while, because they failed again and again",
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof metrics;

export function definitionOf(name: MetricName): MetricDefinition {
  return metrics[name];
}

export const metricNames = Object.keys(metrics) as MetricName[];
