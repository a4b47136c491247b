import { existsSync } from "node:fs";
import type {
  FlowDetail,
  FlowInfo,
  FlowVersion,
  PublishedFlow,
} from "@millrace/gateway/api/operations";
import type { JsonObject } from "@millrace/shared/contract/json";
import type { FlowChange } from "@millrace/shared/flow/diff";
import type { PlacedFault } from "@millrace/shared/flow/fault";
import type { FlowFile } from "@millrace/shared/flow/schema";
import { isOperational } from "@millrace/shared/errors/operational";
import { Command } from "commander";
import { CommandFailed, exitCodes } from "../client/client.ts";
import { shorten } from "../output/text.ts";
import { clientOf, json, print } from "./common.ts";

/** `flow publish`, `show`, `diff` and `retire`: versions of flows, and how they come and go. */
export function versionCommands(): Command[] {
  return [
    new Command("publish")
      .description("publish the flows of files; one with a fault replaces nothing")
      .argument("<file...>", "files of flows")
      .option("--json", "as JSON, a line for each flow or fault")
      .action(publish),
    new Command("show")
      .description("show a flow as it is in force, and its versions; or one of them: NAME@VERSION")
      .argument("<flow>")
      .option("--namespace <name>", "of another namespace")
      .option("--json", "as JSON")
      .action(show),
    new Command("diff")
      .description("what two flows have otherwise: each a file, NAME, or NAME@VERSION")
      .argument("<was>", "a file, NAME, or NAME@VERSION")
      .argument("<now>", "a file, NAME, or NAME@VERSION")
      .option("--namespace <name>", "of another namespace")
      .option("--json", "as JSON")
      .action(diff),
    new Command("retire")
      .description("let no new instances of a published flow begin; running ones go on")
      .argument("<flow>")
      .option("--namespace <name>", "of another namespace")
      .option("--json", "as JSON")
      .action(retire),
  ];
}

interface Flags {
  readonly namespace?: string;
  readonly json?: true;
}

/** Every file is published that can be, whatever is wrong with the others. */
async function publish(files: readonly string[], { json: asJson }: Flags): Promise<void> {
  const [{ readFlowFile }, { writeFault }] = await Promise.all([
    import("../compose/flow-folder.ts"),
    import("@millrace/shared/flow/load"),
  ]);
  const client = clientOf();
  const failed: string[] = [];
  for (const file of files) {
    try {
      const text = await readFlowFile(file);
      const { items } = await client.post<{ items: PublishedFlow[] }>("/v1/flows", { text, file });
      for (const one of items) print(asJson ? JSON.stringify(one) : writePublished(one));
    } catch (error) {
      if (!(error instanceof CommandFailed) && !isOperational(error)) throw error;
      if (error instanceof CommandFailed && error.exitCode === exitCodes.unreachable) throw error;
      const faults = faultsIn(error.facts as { readonly faults?: readonly PlacedFault[] });
      for (const fault of faults) print(asJson ? JSON.stringify(fault) : writeFault(fault));
      if (faults.length === 0)
        print(asJson ? JSON.stringify({ file, message: error.message }) : error.message);
      failed.push(file);
    }
  }
  if (failed.length > 0)
    throw new CommandFailed(`not published: ${failed.join(", ")}`, exitCodes.failed);
}

function faultsIn({ faults = [] }: { readonly faults?: readonly PlacedFault[] }) {
  return faults;
}

function writePublished({ name, version, before }: PublishedFlow): string {
  if (before === version) return `${name} is as it was, version ${version}`;
  return before === undefined
    ? `${name} published, version ${version}`
    : `${name} changed, version ${version}; it was ${before}`;
}

async function show(flow: string, { namespace, json: asJson }: Flags): Promise<void> {
  const { stringify } = await import("yaml");
  const { name, version } = nameOf(flow);
  if (version !== undefined) {
    const found = await versionOf(name, version, namespace);
    return print(
      asJson ? json(found) : `# version ${found.version}\n${stringify(found.file)}`.trimEnd(),
    );
  }
  const shown = await clientOf().get<FlowDetail>(pathOf(name), { namespace });
  if (asJson) return print(json(shown));
  const state = shown.retired ? "retired" : "in force";
  const versions = shown.versions.map(
    (one) => `#   ${one.version}${one.current ? "  in force" : ""}`,
  );
  print(
    [
      `# ${shown.name}, ${state}, from ${shown.origin}`,
      "# versions, oldest first:",
      ...versions,
      stringify(shown.file).trimEnd(),
    ].join("\n"),
  );
}

async function diff(was: string, now: string, { namespace, json: asJson }: Flags): Promise<void> {
  const { diffFlows } = await import("@millrace/shared/flow/diff");
  const [before, after] = [await fileOf(was, namespace), await fileOf(now, namespace)];
  const changes = diffFlows(before as unknown as FlowFile, after as unknown as FlowFile);
  if (asJson) return print(json(changes));
  print(changes.length === 0 ? "nothing differs" : changes.map(writeChange).join("\n"));
}

const VALUE_CHARACTERS_MAX = 60;
const signs = { added: "+", removed: "-", changed: "~" } as const;

function writeChange({ kind, what, was, now, members = [] }: FlowChange): string {
  const head = `${signs[kind]} ${what}`;
  const value = kind === "added" ? now : was;
  if (kind !== "changed") return value === null ? head : `${head}: ${write(value)}`;
  const [only] = members;
  if (members.length === 1 && only?.path === "")
    return `${head}: ${write(only.was)} → ${write(only.now)}`;
  const lines = members.map((one) => `    ${one.path}: ${write(one.was)} → ${write(one.now)}`);
  return [head, ...lines].join("\n");
}

function write(value: unknown): string {
  return value === undefined ? "·" : shorten(JSON.stringify(value), VALUE_CHARACTERS_MAX);
}

async function retire(flow: string, { namespace, json: asJson }: Flags): Promise<void> {
  const path = `${pathOf(flow)}/retire`;
  const retired = await clientOf().post<FlowInfo>(path, undefined, { namespace });
  print(asJson ? json(retired) : `${retired.name} retired; running instances go on`);
}

/** A file's flow, or what a server has under that name. */
async function fileOf(place: string, namespace: string | undefined): Promise<JsonObject> {
  if (existsSync(place) || /\.(ya?ml|json|m?ts|mjs)$/.test(place)) return await flowIn(place);
  const { name, version } = nameOf(place);
  if (version !== undefined) return (await versionOf(name, version, namespace)).file;
  return (await clientOf().get<FlowDetail>(pathOf(name), { namespace })).file;
}

async function flowIn(file: string): Promise<JsonObject> {
  const [{ loadFile, writeFault }, { readFlowFile }] = await Promise.all([
    import("@millrace/shared/flow/load"),
    import("../compose/flow-folder.ts"),
  ]);
  const { flows, faults, faulty } = loadFile(await readFlowFile(file), file);
  const [flow] = flows;
  if (faulty === 0 && flow !== undefined && flows.length === 1)
    return flow.file as unknown as JsonObject;
  for (const fault of faults) print(writeFault(fault));
  const what = faulty > 0 ? "has faults" : `must have one flow; it has ${flows.length}`;
  throw new CommandFailed(`${file} ${what}`, exitCodes.failed);
}

async function versionOf(name: string, version: string, namespace?: string): Promise<FlowVersion> {
  const path = `${pathOf(name)}/versions/${encodeURIComponent(version)}`;
  return await clientOf().get<FlowVersion>(path, { namespace });
}

function nameOf(text: string): { readonly name: string; readonly version: string | undefined } {
  const at = text.lastIndexOf("@");
  return at < 0
    ? { name: text, version: undefined }
    : { name: text.slice(0, at), version: text.slice(at + 1) };
}

function pathOf(name: string): string {
  return `/v1/flows/${encodeURIComponent(name)}`;
}
