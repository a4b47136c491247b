import type { DeploymentInfo } from "@millrace/gateway/api/operations";
import { Command } from "commander";
import { listItems } from "../client/pages.ts";
import { writeTable } from "../output/table.ts";
import { writeThings } from "../output/text.ts";
import { clientOf, json, print, wholeNumber } from "./common.ts";

/** `deployment list`, `show`, `schema`. */
export function deploymentCommand(): Command {
  const deployment = new Command("deployment").description(
    "look at flows that are bound to things",
  );
  deployment
    .command("list")
    .description("list deployments")
    .option("--flow <name>", "of one flow")
    .option("--thing <name>", "that bind one thing, to whatever role")
    .option("--namespace <name>", "of another namespace")
    .option("--limit <count>", "at most so many", wholeNumber, 50)
    .option("--json", "as JSON")
    .action(list);
  deployment
    .command("show")
    .description("show one deployment")
    .argument("<deployment>")
    .option("--namespace <name>")
    .option("--json", "as JSON")
    .action(show);
  deployment
    .command("schema")
    .description("print the JSON Schema of a deployment file, for editors")
    .action(async () => {
      const { deploymentJsonSchema } = await import("@millrace/shared/flow/deployment-file");
      print(json(deploymentJsonSchema()));
    });
  return deployment;
}

interface ListOptions {
  readonly flow?: string;
  readonly thing?: string;
  readonly namespace?: string;
  readonly limit: number;
  readonly json?: true;
}

async function list({ json: asJson, limit, ...filters }: ListOptions): Promise<void> {
  const { items, more } = await listItems<DeploymentInfo>(
    clientOf(),
    "/v1/deployments",
    filters,
    limit,
  );
  if (asJson) return print(json(items));
  if (items.length === 0) return print("no deployments; a file in the folder of flows makes one");
  print(
    writeTable(items, [
      { title: "deployment", value: ({ name }) => name },
      { title: "flow", value: ({ flow }) => flow },
      { title: "things", value: ({ things }) => writeThings(things) },
      { title: "from", value: ({ origin }) => origin },
    ]),
  );
  if (more) print(`… more; --limit ${limit * 2} shows them`);
}

async function show(
  name: string,
  { namespace, json: asJson }: { namespace?: string; json?: true },
): Promise<void> {
  const path = `/v1/deployments/${encodeURIComponent(name)}`;
  const shown = await clientOf().get<DeploymentInfo>(path, { namespace });
  if (asJson) return print(json(shown));
  const lines = [
    `${shown.name}  deploys ${shown.flow}`,
    `  things     ${writeThings(shown.things)}`,
    `  from       ${shown.origin}`,
    `  instance   millrace instance show ${shown.flow} ${shown.name}`,
  ];
  print(lines.join("\n"));
}
