import { quantile, rate, series } from "./queries.ts";

/** A panel: what it shows, in which unit, and a query for each of its lines. */
interface Panel {
  readonly title: string;
  /** Of Grafana: `short`, `s`, `bytes`, `ops`, `percentunit`. */
  readonly unit: string;
  readonly lines: readonly (readonly [legend: string, expr: string])[];
}

const sections: readonly { readonly title: string; readonly panels: readonly Panel[] }[] = [
  {
    title: "How it is",
    panels: [
      {
        title: "Ready",
        unit: "short",
        lines: [["{{instance}}", series("millrace.ready")]],
      },
      {
        title: "Events, steps, commands",
        unit: "ops",
        lines: [
          ["publishes", `sum(${rate("millrace.gateway.publishes")})`],
          ["events decided", `sum(${rate("millrace.engine.records")})`],
          ["steps", `sum(${rate("millrace.engine.steps")})`],
          ["commands", `sum(${rate("millrace.dispatcher.commands")})`],
        ],
      },
      {
        title: "From an event to its step in the journal",
        unit: "s",
        lines: [
          ["half of them", quantile(0.5, "millrace.engine.step.duration")],
          ["99 of 100", quantile(0.99, "millrace.engine.step.duration")],
        ],
      },
      {
        title: "Lag",
        unit: "short",
        lines: [
          ["events to decide", `sum(${series("millrace.engine.lag")})`],
          ["journal to dispatch", `sum(${series("millrace.dispatcher.lag")})`],
        ],
      },
      {
        title: "Age of what is known",
        unit: "s",
        lines: [
          ["{{of}} {{instance}}", `max by (of, instance) (${series("millrace.knowledge.age")})`],
        ],
      },
      {
        title: "Rejections",
        unit: "ops",
        lines: [["{{code}}", `sum by (code) (${rate("millrace.engine.rejections")}) > 0`]],
      },
    ],
  },
  {
    title: "Devices",
    panels: [
      {
        title: "Connections",
        unit: "short",
        lines: [
          ["open", `sum(${series("millrace.gateway.connections")})`],
          ["let in", `sum(${series("millrace.gateway.clients")})`],
          ["not read", `sum(${series("millrace.gateway.connections.held")})`],
          ["accepted each second", `sum(${rate("millrace.gateway.connections.accepted")})`],
        ],
      },
      {
        title: "CONNECTs, and connections that were ended",
        unit: "ops",
        lines: [
          ["{{outcome}}", `sum by (outcome) (${rate("millrace.gateway.connects")})`],
          ["ended: {{reason}}", `sum by (reason) (${rate("millrace.gateway.connections.ended")})`],
        ],
      },
      {
        title: "Publishes",
        unit: "ops",
        lines: [
          ["QoS {{qos}}", `sum by (qos) (${rate("millrace.gateway.publishes")})`],
          [
            "dropped: {{reason}}",
            `sum by (reason) (${rate("millrace.gateway.publishes.dropped")})`,
          ],
        ],
      },
      {
        title: "Publishes that wait for the log",
        unit: "short",
        lines: [["{{instance}}", series("millrace.gateway.publishes.pending")]],
      },
      {
        title: "Messages to subscribers",
        unit: "ops",
        lines: [
          ["QoS {{qos}}", `sum by (qos) (${rate("millrace.gateway.sends")})`],
          ["not sent: {{reason}}", `sum by (reason) (${rate("millrace.gateway.sends.dropped")})`],
        ],
      },
      {
        title: "Other gateways",
        unit: "short",
        lines: [["{{state}} {{instance}}", series("millrace.peers")]],
      },
    ],
  },
  {
    title: "Engines",
    panels: [
      {
        title: "Partitions",
        unit: "short",
        lines: [["{{state}}", `sum by (state) (${series("millrace.engine.partitions")})`]],
      },
      {
        title: "Lag of the partitions that are furthest behind",
        unit: "short",
        lines: [["{{partition}}", `topk(5, ${series("millrace.engine.lag")})`]],
      },
      {
        title: "How long the oldest event waits",
        unit: "s",
        lines: [["{{partition}}", `topk(5, ${series("millrace.engine.lag.age")})`]],
      },
      {
        title: "Inputs",
        unit: "ops",
        lines: [
          ["repeats", `sum(${rate("millrace.engine.repeats")})`],
          ["copies", `sum(${rate("millrace.engine.copies")})`],
          ["ignored: {{reason}}", `sum by (reason) (${rate("millrace.engine.ignored")})`],
        ],
      },
      {
        title: "Timers",
        unit: "short",
        lines: [
          ["fired each second", `sum(${rate("millrace.engine.timers.fired")})`],
          ["due soon", `sum(${series("millrace.engine.timers.pending")})`],
          ["due, not fired", `sum(${series("millrace.engine.timers.due")})`],
        ],
      },
      {
        title: "How late timers fire",
        unit: "s",
        lines: [
          ["half of them", quantile(0.5, "millrace.engine.timer.lateness")],
          ["99 of 100", quantile(0.99, "millrace.engine.timer.lateness")],
        ],
      },
      {
        title: "Instances",
        unit: "short",
        lines: [
          ["in memory", `sum(${series("millrace.engine.instances.cached")})`],
          ["ahead of the store", `sum(${series("millrace.engine.instances.uncommitted")})`],
          ["loaded each second", `sum(${rate("millrace.engine.instances.loaded")})`],
        ],
      },
      {
        title: "Ownership",
        unit: "short",
        lines: [
          ["claims in 5 min", `sum(increase(${series("millrace.engine.claims")}[5m]))`],
          ["lost in 5 min", `sum(increase(${series("millrace.engine.ownership.lost")}[5m]))`],
        ],
      },
    ],
  },
  {
    title: "Log and store",
    panels: [
      {
        title: "Appends, 99 of 100",
        unit: "s",
        lines: [
          ["events", quantile(0.99, "millrace.events.append.duration")],
          ["journal", quantile(0.99, "millrace.engine.journal.append.duration")],
        ],
      },
      {
        title: "Commits, 99 of 100",
        unit: "s",
        lines: [["store", quantile(0.99, "millrace.engine.commit.duration")]],
      },
      {
        title: "Appends that were not answered",
        unit: "ops",
        lines: [["{{instance}}", `sum by (instance) (${rate("millrace.events.append.repeats")})`]],
      },
      {
        title: "What waits to be written to events",
        unit: "bytes",
        lines: [["{{instance}}", series("millrace.events.queued")]],
      },
      {
        title: "Journal: the largest partitions, and their bound",
        unit: "bytes",
        lines: [
          ["{{partition}}", `topk(5, ${series("millrace.engine.journal.size")})`],
          ["bound", `max(${series("millrace.engine.journal.size.max")})`],
        ],
      },
      {
        title: "Checkpoints and deletions in an hour",
        unit: "short",
        lines: [
          ["checkpoints", `sum(increase(${series("millrace.engine.checkpoints")}[1h]))`],
          ["deletions", `sum(increase(${series("millrace.engine.truncations")}[1h]))`],
        ],
      },
      {
        title: "Store connected",
        unit: "short",
        lines: [["{{instance}}", series("millrace.store.connected")]],
      },
    ],
  },
  {
    title: "Effects",
    panels: [
      {
        title: "Commands by outcome",
        unit: "ops",
        lines: [["{{outcome}}", `sum by (outcome) (${rate("millrace.dispatcher.commands")})`]],
      },
      {
        title: "Calls",
        unit: "ops",
        lines: [
          ["{{outcome}}", `sum by (outcome) (${rate("millrace.dispatcher.calls")})`],
          ["{{reason}}", `sum by (reason) (${rate("millrace.dispatcher.call.errors")}) > 0`],
          ["tried again", `sum(${rate("millrace.dispatcher.call.retries")})`],
        ],
      },
      {
        title: "How long effects take, 99 of 100",
        unit: "s",
        lines: [
          ["commands", quantile(0.99, "millrace.dispatcher.effect.duration", 'kind="command"')],
          ["calls", quantile(0.99, "millrace.dispatcher.effect.duration", 'kind="call"')],
        ],
      },
      {
        title: "Commands and calls that have not ended",
        unit: "short",
        lines: [
          [
            "{{kind}} {{state}}",
            `sum by (kind, state) (${series("millrace.dispatcher.effects.pending")})`,
          ],
          ["hosts left alone", `sum(${series("millrace.dispatcher.circuits.open")})`],
        ],
      },
      {
        title: "Put aside, and not waited for any more",
        unit: "ops",
        lines: [
          ["put aside", `sum(${rate("millrace.dispatcher.effects.parked")})`],
          ["dropped", `sum(${rate("millrace.dispatcher.effects.dropped")})`],
        ],
      },
      {
        title: "Sends and publishes",
        unit: "ops",
        lines: [
          ["sends", `sum(${rate("millrace.dispatcher.sends")})`],
          ["publishes", `sum(${rate("millrace.dispatcher.publishes")})`],
        ],
      },
      {
        title: "Journal read, and void records in it",
        unit: "ops",
        lines: [
          ["read", `sum(${rate("millrace.dispatcher.records")})`],
          ["void", `sum(${rate("millrace.dispatcher.void")})`],
        ],
      },
      {
        title: "Partitions",
        unit: "short",
        lines: [["{{state}}", `sum by (state) (${series("millrace.dispatcher.partitions")})`]],
      },
    ],
  },
  {
    title: "Processes",
    panels: [
      {
        title: "CPU",
        unit: "percentunit",
        lines: [["{{instance}}", `sum by (instance) (${rate("process.cpu.time")})`]],
      },
      {
        title: "Memory",
        unit: "bytes",
        lines: [["{{instance}}", series("process.memory.usage")]],
      },
      {
        title: "Since its start",
        unit: "s",
        lines: [["{{instance}}", series("process.uptime")]],
      },
    ],
  },
];

/** Every line of the dashboard: its legend and its query. */
export const dashboardLines = sections.flatMap(({ panels }) =>
  panels.flatMap(({ lines }) => lines),
);

export const dashboardQueries: readonly string[] = dashboardLines.map(([, expr]) => expr);

const WIDTH = 8;
const HEIGHT = 7;
const PANELS_IN_A_ROW = 3;
const datasource = { type: "prometheus", uid: "${datasource}" };

/** deploy/grafana/millrace.json: rows of three panels, a row's title above each section. */
export function dashboard(): string {
  const panels: object[] = [];
  let y = 0;
  for (const section of sections) {
    const id = panels.length + 1;
    panels.push({
      ...{ id, type: "row", title: section.title, collapsed: false, panels: [] },
      gridPos: { x: 0, y, w: WIDTH * PANELS_IN_A_ROW, h: 1 },
    });
    y += 1;
    for (const [i, panel] of section.panels.entries()) {
      const x = (i % PANELS_IN_A_ROW) * WIDTH;
      const row = Math.floor(i / PANELS_IN_A_ROW);
      panels.push(timeseries(panels.length + 1, panel, { x, y: y + row * HEIGHT }));
    }
    y += Math.ceil(section.panels.length / PANELS_IN_A_ROW) * HEIGHT;
  }
  const made = {
    title: "Millrace",
    uid: "millrace",
    description: "Made by `npm run observability` from scripts/observability/dashboard.ts.",
    tags: ["millrace"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [{ name: "datasource", type: "datasource", query: "prometheus", label: "Data source" }],
    },
    panels,
  };
  return `${JSON.stringify(made, undefined, 2)}\n`;
}

function timeseries(
  id: number,
  { title, unit, lines }: Panel,
  at: { readonly x: number; readonly y: number },
): object {
  const targets = lines.map(([legendFormat, expr], i) => ({
    refId: String.fromCodePoint(65 + i),
    datasource,
    expr,
    legendFormat,
  }));
  return {
    ...{ id, type: "timeseries", title, datasource },
    gridPos: { ...at, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
    targets,
  };
}
