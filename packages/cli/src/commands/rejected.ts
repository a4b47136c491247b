import type { Receipt } from "@millrace/gateway/api/operations";
import type { Cause } from "@millrace/shared/contract/journal-record";
import { Command } from "commander";
import { listItems } from "../client/pages.ts";
import { writeTable } from "../output/table.ts";
import { shorten, writeTime } from "../output/text.ts";
import { type BulkFlags, doToMany } from "./bulk.ts";
import { clientOf, durationMs, json, print, usage, wholeNumber } from "./common.ts";

interface ShownRejection {
  readonly id: string;
  readonly at: number;
  readonly flow?: string;
  readonly key?: string;
  readonly code: string;
  readonly detail: string;
  readonly cause: Cause;
  readonly payload: unknown;
  readonly traceId?: string;
}

interface Filter {
  readonly flow?: string;
  readonly key?: string;
  readonly thing?: string;
  readonly code?: string;
  readonly since?: number;
  readonly namespace?: string;
}

/** `rejected list`, `show`, `redrive`. */
export function rejectedCommand(): Command {
  const rejected = new Command("rejected").description(
    "look at inputs that could not be taken, and give them again",
  );
  withFilter(rejected.command("list").description("list rejected inputs, the newest first"))
    .option("--until <duration>", "older than that, as `30m`", untilOf)
    .option("--limit <count>", "at most so many", wholeNumber, 20)
    .option("--json", "as JSON")
    .action(list);
  rejected
    .command("show")
    .description("show one rejected input, with its payload as it came")
    .argument("<id>")
    .option("--namespace <name>")
    .option("--json", "as JSON")
    .action(show);
  withFilter(
    rejected
      .command("redrive")
      .description("give rejected inputs again, as they came, to the flow that could not take them")
      .argument("[id...]", "without one, all that match the options"),
  )
    .option("--all", "all there are, whatever their flow")
    .option("--max <count>", "refuse where there are more", wholeNumber, 100)
    .option("--yes", "do it; without it they are counted")
    .option("--json", "as JSON")
    .action(redrive);
  return rejected;
}

function withFilter(command: Command): Command {
  return command
    .option("--flow <name>", "of one flow")
    .option("--key <key>", "of one instance")
    .option("--thing <name>", "of one thing")
    .option("--code <code>", "for one reason, as `schema` or `paused`")
    .option("--since <duration>", "not older than that, as `2h`", sinceOf)
    .option("--namespace <name>", "of another namespace");
}

function sinceOf(text: string): number {
  return Date.now() - durationMs("--since", text);
}

function untilOf(text: string): number {
  return Date.now() - durationMs("--until", text);
}

interface ListOptions extends Filter {
  readonly until?: number;
  readonly limit: number;
  readonly json?: true;
}

async function list({ json: asJson, limit, ...filter }: ListOptions): Promise<void> {
  const { items, more } = await listItems<ShownRejection>(
    clientOf(),
    "/v1/rejected",
    filter,
    limit,
  );
  if (asJson) return print(json(items));
  if (items.length === 0) return print("nothing was rejected");
  print(
    writeTable(items, [
      { title: "id", value: ({ id }) => id },
      { title: "at", value: ({ at }) => writeTime(at) },
      { title: "flow", value: ({ flow }) => flow },
      { title: "key", value: ({ key }) => key },
      { title: "code", value: ({ code }) => code },
      { title: "detail", value: ({ detail }) => shorten(detail, 80) },
    ]),
  );
  if (more) print(`… more; --limit ${limit * 2} shows them`);
}

async function show(
  id: string,
  { namespace, json: asJson }: { namespace?: string; json?: true },
): Promise<void> {
  const shown = await clientOf().get<ShownRejection>(pathOf(id), { namespace });
  if (asJson) return print(json(shown));
  const { cause } = shown;
  const lines = [
    `${shown.id}  ${shown.code}: ${shown.detail}`,
    `  at         ${writeTime(shown.at)}`,
    ...(shown.flow === undefined ? [] : [`  for        ${shown.flow}/${shown.key ?? "…"}`]),
    `  input      ${cause.kind} ${cause.type}`,
    ...(cause.client === undefined ? [] : [`  client     ${cause.client}`]),
    ...(cause.topic === undefined ? [] : [`  topic      ${cause.topic}`]),
    ...(shown.traceId === undefined ? [] : [`  trace      ${shown.traceId}`]),
    `  payload    ${JSON.stringify(shown.payload)}`,
  ];
  print(lines.join("\n"));
}

async function redrive(
  ids: readonly string[],
  { all, max, yes, json: asJson, ...filter }: Filter & BulkFlags & { readonly all?: true },
): Promise<void> {
  const { namespace, ...narrowing } = filter;
  const isNarrow = Object.values(narrowing).some((one) => one !== undefined);
  if (ids.length > 0) {
    if (isNarrow || all) throw usage("name rejected inputs, or say which by options; not both");
    for (const id of ids) {
      const receipt = await clientOf().post<Receipt>(`${pathOf(id)}/redrive`, {}, { namespace });
      print(asJson ? JSON.stringify(receipt) : `redriven ${id}`);
    }
    return;
  }
  if (!isNarrow && !all) throw usage("name rejected inputs, say which by options, or say --all");
  // What is rejected again meanwhile is not among them: it would go on for ever.
  const body = { ...filter, ...(all && { all }), until: Date.now() };
  const flags = { max, ...(yes && { yes }), ...(asJson && { json: asJson }) };
  await doToMany("/v1/bulk/redrive", body, flags, {
    verb: "redrive",
    done: "redriven",
    what: "rejected inputs",
  });
}

function pathOf(id: string): string {
  return `/v1/rejected/${encodeURIComponent(id)}`;
}
