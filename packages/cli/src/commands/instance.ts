import type { HistoryPage, HistoryStep } from "@millrace/gateway/api/operations";
import type { Instance, Timer } from "@millrace/shared/contract/instance";
import { Command } from "commander";
import { listItems } from "../client/pages.ts";
import { writeTable } from "../output/table.ts";
import { writeHistory } from "../output/history.ts";
import { writeState, writeThings, writeTime } from "../output/text.ts";
import { type InstanceFilter, withInstanceFilter } from "./instance-filter.ts";
import { operateCommands } from "./operate.ts";
import { signalCommand } from "./signal.ts";
import { clientOf, instancePath, json, print, wholeNumber } from "./common.ts";

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

/** `instance list`, `show`, `history`, `signal`, `pause`, `resume`, `cancel`. */
export function instanceCommand(): Command {
  const instance = new Command("instance").description(
    "look at running machines, and talk to them",
  );
  withInstanceFilter(
    instance
      .command("list")
      .description("list instances")
      .option("--flow <name>", "those of one flow"),
  )
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

interface ListOptions extends InstanceFilter {
  readonly flow?: string;
  readonly limit: number;
  readonly json?: true;
}

async function list({ json: asJson, limit, ...filters }: ListOptions): Promise<void> {
  const { items, more } = await listItems<ShownInstance>(
    clientOf(),
    "/v1/instances",
    filters,
    limit,
  );
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
  if (more) print(`… more; --limit ${limit * 2} shows them`);
}

async function show(
  flow: string,
  key: string,
  { namespace, json: asJson }: { namespace?: string; json?: true },
): Promise<void> {
  const shown = await clientOf().get<ShownInstance>(instancePath(flow, key), { namespace });
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
    const page = await client.get<HistoryPage>(`${instancePath(flow, key)}/history`, {
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
