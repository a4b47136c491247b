import type { Receipt } from "@millrace/gateway/api/operations";
import { operatorActions, type OperatorAction } from "@millrace/shared/contract/event-record";
import { instanceStatuses } from "@millrace/shared/contract/instance";
import { Command, Option } from "commander";
import { CommandFailed, exitCodes } from "../client/client.ts";
import { type BulkFlags, doToMany } from "./bulk.ts";
import { clientOf, json, print, wholeNumber } from "./common.ts";

const descriptions: Readonly<Record<OperatorAction, string>> = {
  pause: "let instances stand still: their timers wait, and what comes for them is rejected",
  resume: "let instances go on: timers that came due meanwhile fire",
  cancel: "end instances; their machines do not hear of it, and what they owe is dropped",
};

const done = { pause: "paused", resume: "resumed", cancel: "cancelled" } as const;

interface OperateFlags extends BulkFlags {
  readonly flow?: string;
  readonly state?: string;
  readonly thing?: string;
  readonly status?: string;
  readonly namespace?: string;
  readonly reason?: string;
}

/** `instance pause`, `resume` and `cancel`: one, or all that match a filter. */
export function operateCommands(): Command[] {
  return operatorActions.map((action) =>
    new Command(action)
      .description(descriptions[action])
      .argument("[flow]", "with a key, one instance; without, all that match the options")
      .argument("[key]")
      .option("--state <state>", "those in one state, `a` or `a.b`")
      .option("--thing <name>", "those of one thing")
      .addOption(new Option("--status <status>", "those of one status").choices(instanceStatuses))
      .option("--namespace <name>", "of another namespace")
      .option("--reason <text>", "kept in the history")
      .option("--max <count>", "refuse where it is for more", wholeNumber, 100)
      .option("--yes", "do it to all that match; without it they are counted")
      .option("--json", "as JSON")
      .action((flow: string | undefined, key: string | undefined, flags: OperateFlags) =>
        key === undefined ? many(action, flow, flags) : one(action, `${flow}`, key, flags),
      ),
  );
}

async function one(
  action: OperatorAction,
  flow: string,
  key: string,
  { namespace, reason, state, thing, status, json: asJson }: OperateFlags,
): Promise<void> {
  if ((state ?? thing ?? status) !== undefined) {
    const said =
      "--state, --thing and --status choose among many; leave the key out, or leave them out";
    throw new CommandFailed(said, exitCodes.usage);
  }
  const query = namespace === undefined ? "" : `?namespace=${encodeURIComponent(namespace)}`;
  const path = `/v1/instances/${encodeURIComponent(flow)}/${encodeURIComponent(key)}/${action}`;
  const receipt = await clientOf().post<Receipt>(`${path}${query}`, { reason });
  print(asJson ? json(receipt) : `${done[action]} ${flow}/${key}, as ${receipt.id}`);
}

async function many(
  action: OperatorAction,
  flow: string | undefined,
  { namespace, reason, state, thing, status, ...flags }: OperateFlags,
): Promise<void> {
  if ((flow ?? state ?? thing ?? status) === undefined) {
    const said = `name a flow, or one of --state, --thing and --status, of the instances to ${action}`;
    throw new CommandFailed(said, exitCodes.usage);
  }
  const body = { action, reason, namespace, flow, state, thing, status };
  await doToMany("/v1/bulk/instances", body, flags, {
    verb: action,
    done: done[action],
    what: "instances",
  });
}
