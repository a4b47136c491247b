import type { TracedStep, TraceSearchPage } from "@millrace/gateway/api/operations";
import { Command } from "commander";
import { Progress } from "../output/progress.ts";
import { writeTrace } from "../output/waterfall.ts";
import { clientOf, durationMs, json, print, usage } from "./common.ts";

interface TraceFlags {
  readonly since: string;
  readonly namespace?: string;
  readonly json?: true;
}

/** `trace ID`. */
export function traceCommand(): Command {
  return new Command("trace")
    .description("draw all that came of one publish, signal or timer, from the journal alone")
    .argument("<id>", "trace id, as `instance history` and the log show it, or a traceparent")
    .option("--since <duration>", "how far back to search", sinceOf, "1h")
    .option("--namespace <name>", "of another namespace")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nNo index leads to the records of a trace: the journal is searched, every partition from its end\nback to --since. On a large installation that takes a while; how far it is stands on standard error.\nHow an effect ended is shown where a flow waits for it: nothing else is written down.",
    )
    .action(show);
}

/** As it is given: the server works it out by the log's time. */
function sinceOf(text: string): string {
  durationMs("--since", text);
  return text;
}

async function show(given: string, { since, namespace, json: asJson }: TraceFlags): Promise<void> {
  const id = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(given)?.[1] ?? given;
  if (!/^[0-9a-f]{32}$/.test(id)) throw usage(`${given} is no trace id: it has 32 digits, 0 to f`);
  const items: TracedStep[] = [];
  const client = clientOf();
  const progress = new Progress();
  let searched = 0;
  let cursor: string | undefined;
  do {
    const page: TraceSearchPage = await client.get(`/v1/traces/${id}`, {
      ...{ since, namespace, cursor },
    });
    items.push(...page.items);
    cursor = page.next;
    searched += page.searched;
    const part = cursor === undefined ? 1 : page.partition / page.partitions;
    progress.move(part, `${searched} records searched, ${items.length} found`);
  } while (cursor !== undefined);
  progress.clear();
  if (asJson) return print(json(items));
  if (items.length === 0) {
    const where = `in the journal of the last ${since}`;
    return print(`nothing of this trace stands ${where}; --since searches further back`);
  }
  print(writeTrace(id, items));
}
