import type { DeploymentPage, FlowInfo } from "@millrace/gateway/api/operations";
import { Option } from "commander";
import type { Client } from "../client/client.ts";
import { logLevels, risks } from "../config/settings.ts";
import { type Place } from "./place.ts";

export interface Candidate {
  readonly value: string;
  readonly about?: string | undefined;
}

/** What may stand at a place: one of these, or whatever file or folder there is. */
export type Candidates = readonly Candidate[] | "files" | "folders";

/** @returns what may stand there; nothing where it is anything, and where no server answers */
export async function candidatesAt(place: Place, client: Client): Promise<Candidates> {
  const { command, wanted, typed, before } = place;
  const found = await all();
  if (typeof found === "string") return before === "" ? found : [];
  return found
    .filter(({ value }) => value.startsWith(typed))
    .map(({ value, about }) => ({ value: before + value, about }));

  async function all(): Promise<Candidates> {
    if (wanted === undefined) return [];
    if (wanted === "command") {
      const commands = command.createHelp().visibleCommands(command);
      return commands.map((inner) => ({ value: inner.name(), about: inner.description() }));
    }
    if (wanted === "option") {
      const options = command.createHelp().visibleOptions(command);
      return options.map(({ long, description }) => ({ value: long ?? "", about: description }));
    }
    if (wanted.argChoices !== undefined) return words(wanted.argChoices);
    const name = wanted instanceof Option ? (wanted.long ?? "") : wanted.name();
    return (await sources[name]?.(place, client).catch(() => [])) ?? [];
  }
}

type Source = (place: Place, client: Client) => Promise<Candidates>;

/** What options and arguments want, by their names. */
const sources: Readonly<Record<string, Source>> = {
  "--config": async () => "files",
  "--flows": async () => "folders",
  "--log-level": async () => words(logLevels),
  "--allow": async ({ typed }) => {
    const earlier = typed.slice(0, typed.lastIndexOf(",") + 1);
    return words(risks.filter((risk) => !earlier.includes(risk)).map((risk) => earlier + risk));
  },
  "--keep-unmatched": async () => words(["true", "false"]),
  "--with": async () => "files",
  "--flow": async (_place, client) => flows(client),
  file: async () => "files",
  was: async () => "files",
  now: async () => "files",
  flow: async (_place, client) => flows(client),
  deployment: deployments,
  key: keys,
  id: rejected,
  type: inputs,
};

function words(values: readonly string[]): readonly Candidate[] {
  return values.map((value) => ({ value }));
}

async function flowInfos(client: Client): Promise<readonly FlowInfo[]> {
  return (await client.get<{ items: readonly FlowInfo[] }>("/v1/flows")).items;
}

async function flows(client: Client): Promise<readonly Candidate[]> {
  const items = await flowInfos(client);
  return items.map(({ name, description }) => ({ value: name, about: description }));
}

async function deployments(
  { options: { namespace }, typed }: Place,
  client: Client,
): Promise<readonly Candidate[]> {
  const query = { namespace, limit: KEYS_MAX, cursor: nearTo(typed) };
  const { items } = await client.get<DeploymentPage>("/v1/deployments", query);
  return items.map(({ name, flow }) => ({ value: name, about: flow }));
}

async function rejected(
  { options: { namespace } }: Place,
  client: Client,
): Promise<readonly Candidate[]> {
  const query = { namespace, limit: KEYS_MAX };
  const { items } = await client.get<{ items: { id: string; code: string; flow?: string }[] }>(
    "/v1/rejected",
    query,
  );
  return items.map(({ id, code, flow = "" }) => ({ value: id, about: `${flow} ${code}`.trim() }));
}

/** An event's type is mostly an input's name; a signal may have others. */
async function inputs({ args }: Place, client: Client): Promise<readonly Candidate[]> {
  const flow = (await flowInfos(client)).find(({ name }) => name === args["flow"]);
  return (flow?.inputs ?? []).map(({ name, topic }) => ({ value: name, about: topic }));
}

const KEYS_MAX = 500;

/** Pages are in the order of names, and go on behind their cursor: near what is typed, not at it. */
function nearTo(typed: string): string | undefined {
  return typed.slice(0, -1) || undefined;
}

async function keys(
  { args: { flow = "" }, options, typed }: Place,
  client: Client,
): Promise<readonly Candidate[]> {
  const { namespace = "default" } = options;
  const near = nearTo(typed);
  const cursor = near && `${namespace}/${flow}/${near}`;
  const query = { namespace, flow, limit: KEYS_MAX, cursor };
  const { items } = await client.get<{ items: readonly { key: string; status: string }[] }>(
    "/v1/instances",
    query,
  );
  return items.map(({ key, status }) => ({ value: key, about: status }));
}
