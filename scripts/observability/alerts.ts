import { stringify } from "yaml";
import { quantile, rate, series } from "./queries.ts";

/** An alert of Prometheus. Its page, deploy/runbooks/NAME.md, says what it means and what to do. */
interface Alert {
  readonly name: string;
  /** `critical`: something is not done that should be; `warning`: it soon may not be. */
  readonly severity: "critical" | "warning";
  readonly for: string;
  readonly expr: string;
  /** What is wrong, in one line. */
  readonly summary: string;
}

export const alerts: readonly Alert[] = [
  {
    // `up` is Prometheus' own; the job is called as in docs/observability.md.
    name: "MillraceDown",
    severity: "critical",
    for: "2m",
    expr: 'up{job="millrace"} == 0',
    summary: "a process does not answer",
  },
  // What is not there has no series: no alert above a bound sees that all processes of a role are gone.
  {
    name: "MillraceNoEngine",
    severity: "critical",
    for: "2m",
    expr: `absent(sum(${series("millrace.engine.partitions", 'state="running"')}) > 0)`,
    summary: "no engine that is seen decides anything",
  },
  {
    name: "MillraceNoDispatcher",
    severity: "critical",
    for: "2m",
    expr: `absent(sum(${series("millrace.dispatcher.partitions", 'state="running"')}) > 0)`,
    summary: "no dispatcher that is seen carries effects out",
  },
  {
    name: "MillraceNoGateway",
    severity: "critical",
    for: "2m",
    expr: `absent(${series("millrace.gateway.connections")})`,
    summary: "no gateway is seen",
  },
  {
    name: "MillraceNotReady",
    severity: "critical",
    for: "2m",
    expr: `${series("millrace.ready")} == 0`,
    summary: "a process does not do its work",
  },
  {
    name: "MillracePartitionsStopped",
    severity: "critical",
    for: "1m",
    expr: [
      `sum by (instance) (${series("millrace.engine.partitions", 'state="failed"')}) > 0`,
      `sum by (instance) (${series("millrace.dispatcher.partitions", 'state="failed"')}) > 0`,
    ].join(" or "),
    summary: "partitions have stopped, and do not go on by themselves",
  },
  {
    name: "MillraceEngineStuck",
    severity: "critical",
    for: "5m",
    expr: `sum(${series("millrace.engine.lag")}) > 0 and sum(${rate("millrace.engine.records")}) == 0`,
    summary: "there are events to decide, and none is decided",
  },
  {
    name: "MillraceEngineBehind",
    severity: "warning",
    for: "5m",
    expr: `max by (partition) (${series("millrace.engine.lag.age")}) > 30`,
    summary: "events wait for more than 30 s to be decided",
  },
  {
    name: "MillraceStepsSlow",
    severity: "warning",
    for: "10m",
    expr: `${quantile(0.99, "millrace.engine.step.duration")} > 2`,
    summary: "one step of a hundred takes more than 2 s from its event on",
  },
  {
    name: "MillraceTimersLate",
    severity: "warning",
    for: "10m",
    expr: `${quantile(0.99, "millrace.engine.timer.lateness")} > 5`,
    summary: "one timer of a hundred fires more than 5 s late",
  },
  {
    name: "MillraceInputsRejected",
    severity: "warning",
    for: "10m",
    expr: `sum(${rate("millrace.engine.rejections", "", "10m")}) > 0.01 * sum(${rate("millrace.engine.records", "", "10m")})`,
    summary: "more than one input of a hundred is rejected",
  },
  {
    name: "MillracePoison",
    severity: "critical",
    for: "0m",
    expr: `sum(increase(${series("millrace.engine.rejections", 'code="poison"')}[1h])) > 0`,
    summary: "an input was in hand when three engines ended, and is rejected unread",
  },
  {
    name: "MillraceDispatcherBehind",
    severity: "warning",
    for: "10m",
    expr: `sum by (partition) (${series("millrace.dispatcher.lag")}) > 20000`,
    summary: "steps wait for their effects to be carried out",
  },
  {
    name: "MillraceCommandsRefused",
    severity: "warning",
    for: "10m",
    expr: `sum(${rate("millrace.dispatcher.commands", 'outcome="refused"', "10m")}) > 0.05 * sum(${rate("millrace.dispatcher.commands", "", "10m")})`,
    summary: "more than one command of twenty is refused by its device",
  },
  {
    name: "MillraceEffectsParked",
    severity: "warning",
    for: "30m",
    expr: `sum(${series("millrace.dispatcher.effects.pending", 'state="parked"')}) > 1000`,
    summary: "more than 1,000 commands and calls are put aside",
  },
  {
    name: "MillraceCallsFailing",
    severity: "warning",
    for: "10m",
    expr: `sum(${rate("millrace.dispatcher.calls", 'outcome="error"', "10m")}) > 0.1 * sum(${rate("millrace.dispatcher.calls", "", "10m")})`,
    summary: "more than one call of ten comes to nothing",
  },
  {
    name: "MillraceHostsLeftAlone",
    severity: "warning",
    for: "10m",
    expr: `sum by (instance) (${series("millrace.dispatcher.circuits.open")}) > 0`,
    summary: "hosts fail again and again, and are not called",
  },
  {
    name: "MillraceLogUnanswered",
    severity: "critical",
    for: "2m",
    expr: `sum by (instance) (${rate("millrace.events.append.repeats")}) > 0`,
    summary: "the log does not answer appends",
  },
  {
    name: "MillraceLogSlow",
    severity: "warning",
    for: "10m",
    expr: [
      `${quantile(0.99, "millrace.events.append.duration")} > 1`,
      `${quantile(0.99, "millrace.engine.journal.append.duration")} > 1`,
    ].join(" or "),
    summary: "one append of a hundred takes more than a second",
  },
  {
    name: "MillraceStoreLost",
    severity: "critical",
    for: "1m",
    expr: `${series("millrace.store.connected")} == 0`,
    summary: "the store cannot be reached",
  },
  {
    name: "MillraceStoreBehind",
    severity: "warning",
    for: "5m",
    expr: [
      `sum by (instance) (${series("millrace.engine.instances.uncommitted")}) > 10000`,
      `${quantile(0.99, "millrace.engine.commit.duration")} > 2`,
    ].join(" or "),
    summary: "the store does not keep up with the journal",
  },
  {
    name: "MillraceOwnershipLost",
    severity: "warning",
    for: "0m",
    expr: `sum(increase(${series("millrace.engine.ownership.lost")}[15m])) > 10`,
    summary: "engines lose their partitions again and again",
  },
  {
    name: "MillraceJournalLarge",
    severity: "warning",
    for: "1h",
    expr: `max by (partition) (${series("millrace.engine.journal.size")}) > 0.8 * scalar(max(${series("millrace.engine.journal.size.max")}))`,
    summary: "the journal of a partition comes near its bound",
  },
  {
    name: "MillracePublishesDropped",
    severity: "critical",
    for: "1m",
    expr: `sum by (reason) (${rate("millrace.gateway.publishes.dropped", 'reason=~"behind|refused"')}) > 0`,
    summary: "publishes of devices are dropped or refused",
  },
  {
    name: "MillraceConnectionsRefused",
    severity: "warning",
    for: "5m",
    expr: [
      `sum(${rate("millrace.gateway.connections.accepted", 'outcome="refused"')}) > 0`,
      `sum(${rate("millrace.gateway.connects", 'outcome="refused"')}) > 1`,
    ].join(" or "),
    summary: "devices are not let in",
  },
  {
    name: "MillraceConnectionsDead",
    severity: "warning",
    for: "10m",
    expr: `sum(increase(${series("millrace.gateway.connections.ended", 'reason="keep-alive"')}[10m])) > 10 + 0.05 * sum(${series("millrace.gateway.clients")})`,
    summary: "many devices fall silent without a goodbye",
  },
  {
    name: "MillraceKnowledgeStale",
    severity: "warning",
    for: "2m",
    expr: `max by (instance, of) (${series("millrace.knowledge.age")}) > 60`,
    summary: "a process goes by what it heard more than a minute ago",
  },
  {
    name: "MillracePeersLost",
    severity: "warning",
    for: "5m",
    expr: `sum by (instance) (${series("millrace.peers", 'state="lost"')}) > 0`,
    summary: "a gateway that is announced cannot be reached",
  },
];

const head =
  "# Made by `npm run observability` from scripts/observability/alerts.ts; do not edit.\n# Each alert has a page of what to do: deploy/runbooks/NAME.md.\n";

/** deploy/prometheus/alerts.yaml */
export function alertRules(): string {
  const rules = alerts.map(({ name, severity, for: pending, expr, summary }) => ({
    alert: name,
    expr,
    for: pending,
    labels: { severity },
    annotations: { summary, runbook: `deploy/runbooks/${name}.md` },
  }));
  const groups = [{ name: "millrace", rules }];
  return head + stringify({ groups }, { lineWidth: 0 });
}
