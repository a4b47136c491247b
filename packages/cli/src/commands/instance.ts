import type { HistoryPage, HistoryStep } from "@millrace/gateway/api/operations";
import { type Instance, instanceStatuses, type Timer } from "@millrace/shared/contract/instance";
import { Command, Option } from "commander";
import { writeTable } from "../output/table.ts";
import { writeHistory } from "../output/history.ts";
import { writeState, writeThings, writeTime } from "../output/text.ts";
import { operateCommands } from "./operate.ts";
import { signalCommand } from "./signal.ts";
import { clientOf, json, print, wholeNumber } from "./common.ts";

/** An instance as the API shows it. */
interface ShownInstance extends Omit<Instance, "ns" | "timers" | "owed"> {
  readonly namespace: string;
  readonly timers: readonly Timer[];
  readonly owed: readonly {
    readonly id: string;
    readonly name: string;
    readonly parked: boolean;
  }[];
}

interface Page {
  readonly items: readonly ShownInstance[];
  readonly next?: string;
}

/** `instance list`, `show`, `history`, `signal`, `pause`, `resume`, `cancel`. */
export function instanceCommand(): Command {
  const instance = new Command("instance").description(
    "look at running machines, and talk to them",
  );
  instance
    .command("list")
    .description("list instances")
    .option("--flow <name>", "of one flow")
    .option("--state <state>", "in one state, `a` or `a.b`")
    .option("--thing <name>", "of one thing")
    .addOption(new Option("--status <status>", "of one status").choices(instanceStatuses))
    .option("--namespace <name>", "of another namespace")
    .option("--limit <count>", "at most so many", wholeNumber, 50)
    .option("--json", "as JSON")
    .action(list);
  instance
    .command("show")
    .description("show one instance")
    .argument("<flow>")
    .argument("<key>")
    .option("--namespace <name>")
    .option("--json", "as JSON")
    .action(show);
  instance
    .command("history")
    .description("show the steps of an instance, the newest first")
    .argument("<flow>")
    .argument("<key>")
    .option("--limit <count>", "at most so many", wholeNumber, 20)
    .option("--before <seq>", "steps before this one", wholeNumber)
    .option("--namespace <name>")
    .option("--json", "as JSON")
    .action(history);
  instance.addCommand(signalCommand());
  for (const command of operateCommands()) instance.addCommand(command);
  return instance;
}

interface ListOptions {
  readonly flow?: string;
  readonly state?: string;
  readonly thing?: string;
  readonly status?: string;
  readonly namespace?: string;
  readonly limit: number;
  readonly json?: true;
}

async function list({ json: asJson, limit, ...filters }: ListOptions): Promise<void> {
  const client = clientOf();
  const items: ShownInstance[] = [];
  let cursor: string | undefined;
  do {
    const wanted = Math.min(500, limit - items.length);
    const page: Page = await client.get("/v1/instances", { ...filters, limit: wanted, cursor });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && items.length < limit);
  if (asJson) return print(json(items));
  if (items.length === 0) return print("no instances; a device's first event begins one");
  print(
    writeTable(items, [
      { title: "flow", value: ({ flow }) => flow },
      { title: "key", value: ({ key }) => key },
      { title: "status", value: ({ status }) => status },
      { title: "state", value: ({ state }) => writeState(state) },
      { title: "step", value: ({ seq }) => seq },
      { title: "updated", value: ({ updatedAt }) => writeTime(updatedAt) },
    ]),
  );
  if (cursor !== undefined) print(`… more; --limit ${limit * 2} shows them`);
}

function pathOf(flow: string, key: string): string {
  return `/v1/instances/${encodeURIComponent(flow)}/${encodeURIComponent(key)}`;
}

async function show(
  flow: string,
  key: string,
  { namespace, json: asJson }: { namespace?: string; json?: true },
): Promise<void> {
  const shown = await clientOf().get<ShownInstance>(pathOf(flow, key), { namespace });
  if (asJson) return print(json(shown));
  const lines = [
    `${shown.flow}/${shown.key}  ${shown.status}, in ${writeState(shown.state)}`,
    ...thingLines(shown),
    `  version    ${shown.version}`,
    `  step       ${shown.seq}`,
    `  began      ${writeTime(shown.startedAt)}`,
    `  updated    ${writeTime(shown.updatedAt)}`,
    `  context    ${JSON.stringify(shown.context)}`,
    ...shown.timers.map(({ id, due }) => `  timer      ${writeTime(due)}  ${id}`),
    ...shown.owed.map(
      ({ id, name, parked }) => `  owed       ${name}${parked ? ", put aside" : ""}  ${id}`,
    ),
    ...(shown.output === undefined ? [] : [`  output     ${JSON.stringify(shown.output)}`]),
    ...(shown.error === undefined ? [] : [`  error      ${JSON.stringify(shown.error)}`]),
  ];
  print(lines.join("\n"));
}

function thingLines({ thing, things }: ShownInstance): readonly string[] {
  return things === undefined
    ? [`  thing      ${thing ?? "none"}`]
    : [`  things     ${writeThings(things)}`];
}

interface HistoryOptions {
  readonly limit: number;
  readonly before?: number;
  readonly namespace?: string;
  readonly json?: true;
}

async function history(flow: string, key: string, options: HistoryOptions): Promise<void> {
  const client = clientOf();
  const steps: HistoryStep[] = [];
  let cursor = options.before;
  do {
    const page = await client.get<HistoryPage>(`${pathOf(flow, key)}/history`, {
      namespace: options.namespace,
      limit: Math.min(100, options.limit - steps.length),
      cursor,
    });
    steps.push(...page.steps);
    if (page.steps.length === 0) break;
    cursor = page.next;
  } while (cursor !== undefined && steps.length < options.limit);
  if (options.json) return print(json(steps));
  for (const line of writeHistory(steps)) print(line);
  if (cursor !== undefined) print(`… more; --before ${cursor} shows them`);
}
