import type { JournalEvent } from "@millrace/gateway/api/operations";
import { Command, Option } from "commander";
import { shorten, writeState, writeTime } from "../output/text.ts";
import { clientOf, print } from "./common.ts";

interface TailFlags {
  readonly flow?: string;
  readonly key?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly json?: true;
}

/** `journal tail`. */
export function journalCommand(): Command {
  const journal = new Command("journal").description("look at what is decided, as it happens");
  journal
    .command("tail")
    .description("show steps and rejections as they happen, until Ctrl-C")
    .option("--flow <name>", "of one flow")
    .option("--key <key>", "of instances with this key")
    .addOption(new Option("--kind <kind>", "only these").choices(["step", "rejected"]))
    .option("--namespace <name>", "of another namespace")
    .option("--json", "a line of JSON for each")
    .action(tail);
  return journal;
}

async function tail({ json: asJson, ...query }: TailFlags): Promise<void> {
  for await (const data of clientOf().events("/v1/journal", { ...query })) {
    print(asJson ? JSON.stringify(data) : lineOf(data as JournalEvent));
  }
}

function lineOf(event: JournalEvent): string {
  const { at, flow = "?", key = "?", cause, seq, from, to, effects = [], code, detail } = event;
  const head = `${writeTime(at)}  ${flow}/${key}`;
  const what = `${cause.kind} ${cause.type}`;
  if (event.kind === "rejected")
    return `${head}  ${what} rejected, ${code}: ${shorten(detail ?? "", 100)}`;
  const names = effects.map(({ kind, ...effect }) =>
    "name" in effect && typeof effect.name === "string" ? `${kind} ${effect.name}` : kind,
  );
  const then = names.length === 0 ? "" : `  (${names.join(", ")})`;
  return `${head} ${seq}  ${what}: ${writeState(from ?? null)} → ${writeState(to ?? "")}${then}`;
}
