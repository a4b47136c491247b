import type { Receipt } from "@millrace/gateway/api/operations";
import { instanceStatuses } from "@millrace/shared/contract/instance";
import { Command, Option } from "commander";
import { CommandFailed, exitCodes } from "../client/client.ts";
import { type BulkFlags, doToMany } from "./bulk.ts";
import { clientOf, json, print, wholeNumber } from "./common.ts";

interface SignalFlags extends BulkFlags {
  readonly type?: string;
  readonly payload: string;
  readonly id?: string;
  readonly state?: string;
  readonly thing?: string;
  readonly status?: string;
  readonly namespace?: string;
}

/** `instance signal`: an event for one, or for all that match a filter. */
export function signalCommand(): Command {
  return new Command("signal")
    .description("send an event to instances")
    .argument("[flow]", "with a key, one instance; without, all that match the options")
    .argument("[key]")
    .argument("[type]", "the event's type")
    .option("--type <type>", "the event's type, where it is for many")
    .option("--payload <json>", "its members, as a JSON object", "{}")
    .option("--id <id>", "of an event for one: makes a repeat be taken once")
    .option("--state <state>", "those in one state, `a` or `a.b`")
    .option("--thing <name>", "those of one thing")
    .addOption(new Option("--status <status>", "those of one status").choices(instanceStatuses))
    .option("--namespace <name>", "of another namespace")
    .option("--max <count>", "refuse where it is for more", wholeNumber, 100)
    .option("--yes", "send it to all that match; without it they are counted")
    .option("--json", "as JSON")
    .action((flow?: string, key?: string, type?: string, flags?: SignalFlags) =>
      signal({ flow, key, type: type ?? flags?.type }, flags as SignalFlags),
    );
}

interface Addressed {
  readonly flow: string | undefined;
  readonly key: string | undefined;
  readonly type: string | undefined;
}

async function signal({ flow, key, type }: Addressed, flags: SignalFlags): Promise<void> {
  const { state, thing, status, id } = flags;
  const isNarrow = (state ?? thing ?? status) !== undefined;
  if (type === undefined)
    throw usage("name the event's type: behind the key, or by --type where it is for many");
  const said = { type, payload: readPayload(flags.payload) };
  if (flow !== undefined && key !== undefined) {
    if (isNarrow)
      throw usage(
        "--state, --thing and --status choose among many; leave the key out, or leave them out",
      );
    return await sendToOne(flow, key, said, flags);
  }
  if (flow === undefined && !isNarrow)
    throw usage("name a flow, or one of --state, --thing and --status, of the instances to signal");
  if (id !== undefined) throw usage("--id is of an event for one instance; name its key");
  const { namespace, max, yes, json: asJson } = flags;
  const body = { action: "signal", ...said, namespace, flow, state, thing, status };
  await doToMany(
    "/v1/bulk/instances",
    body,
    { max, ...(yes && { yes }), ...(asJson && { json: asJson }) },
    { verb: "signal", done: "signalled", what: "instances" },
  );
}

async function sendToOne(
  flow: string,
  key: string,
  said: { readonly type: string; readonly payload: unknown },
  { namespace, id, json: asJson }: SignalFlags,
): Promise<void> {
  const query = namespace === undefined ? "" : `?namespace=${encodeURIComponent(namespace)}`;
  const path = `/v1/instances/${encodeURIComponent(flow)}/${encodeURIComponent(key)}/signals`;
  const body = { ...said, ...(id !== undefined && { id }) };
  const receipt = await clientOf().post<Receipt>(`${path}${query}`, body);
  if (asJson) return print(json(receipt));
  print(`${said.type} sent to ${flow}/${key}, as ${receipt.id}`);
}

function readPayload(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`--payload is not JSON: ${text}`);
  }
}

function usage(message: string): CommandFailed {
  return new CommandFailed(message, exitCodes.usage);
}
