import type { Receipt } from "@millrace/gateway/api/operations";
import { Command } from "commander";
import { type BulkFlags, doToMany } from "./bulk.ts";
import { clientOf, instancePath, json, print, usage, wholeNumber } from "./common.ts";
import { type InstanceFilter, isForOne, withInstanceFilter } from "./instance-filter.ts";

interface SignalFlags extends BulkFlags, InstanceFilter {
  readonly type?: string;
  readonly payload: string;
  readonly id?: string;
}

/** `instance signal`: an event for one, or for all that match a filter. */
export function signalCommand(): Command {
  return withInstanceFilter(
    new Command("signal")
      .description("send an event to instances")
      .argument("[flow]", "with a key, one instance; without, all that match the options")
      .argument("[key]")
      .argument("[type]", "the event's type")
      .option("--type <type>", "the event's type, where it is for many")
      .option("--payload <json>", "its members, as a JSON object", "{}")
      .option("--id <id>", "of an event for one: makes a repeat be taken once"),
  )
    .option("--max <count>", "refuse where it is for more", wholeNumber, 100)
    .option("--yes", "send it to all that match; without it they are counted")
    .option("--json", "as JSON")
    .action(signal);
}

async function signal(
  flow: string | undefined,
  key: string | undefined,
  named: string | undefined,
  flags: SignalFlags,
): Promise<void> {
  const type = named ?? flags.type;
  if (type === undefined)
    throw usage("name the event's type: behind the key, or by --type where it is for many");
  const said = { type, payload: readPayload(flags.payload) };
  if (isForOne(flow, key, flags, "signal"))
    return await sendToOne(`${flow}`, `${key}`, said, flags);
  await sendToMany(flow, said, flags);
}

interface Said {
  readonly type: string;
  readonly payload: unknown;
}

async function sendToOne(
  flow: string,
  key: string,
  said: Said,
  { namespace, id, json: asJson }: SignalFlags,
): Promise<void> {
  const path = `${instancePath(flow, key)}/signals`;
  const body = { ...said, ...(id !== undefined && { id }) };
  const receipt = await clientOf().post<Receipt>(path, body, { namespace });
  if (asJson) return print(json(receipt));
  print(`${said.type} sent to ${flow}/${key}, as ${receipt.id}`);
}

async function sendToMany(
  flow: string | undefined,
  said: Said,
  { namespace, id, state, thing, status, ...flags }: SignalFlags,
): Promise<void> {
  if (id !== undefined) throw usage("--id is of an event for one instance; name its key");
  const body = { action: "signal", ...said, namespace, flow, state, thing, status };
  const words = { verb: "signal", done: "signalled", what: "instances" };
  await doToMany("/v1/bulk/instances", body, flags, words);
}

function readPayload(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`--payload is not JSON: ${text}`);
  }
}
