import { Command } from "commander";
import { writeTable } from "../output/table.ts";
import { shorten, writeTime } from "../output/text.ts";
import { clientOf, json, print, wholeNumber } from "./common.ts";

interface ShownRejection {
  readonly id: string;
  readonly at: number;
  readonly flow?: string;
  readonly key?: string;
  readonly code: string;
  readonly detail: string;
}

/** `rejected list`. */
export function rejectedCommand(): Command {
  const rejected = new Command("rejected").description("look at inputs that could not be taken");
  rejected
    .command("list")
    .description("list rejected inputs, the newest first")
    .option("--flow <name>", "of one flow")
    .option("--namespace <name>", "of another namespace")
    .option("--limit <count>", "at most so many", wholeNumber, 20)
    .option("--json", "as JSON")
    .action(async ({ json: asJson, ...query }: { json?: true; limit: number }) => {
      const { items } = await clientOf().get<{ items: ShownRejection[] }>("/v1/rejected", query);
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
    });
  return rejected;
}
