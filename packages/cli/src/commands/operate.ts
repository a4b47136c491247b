import type { Receipt } from "@millrace/gateway/api/operations";
import { operatorActions, type OperatorAction } from "@millrace/shared/contract/event-record";
import { Command } from "commander";
import { type BulkFlags, doToMany } from "./bulk.ts";
import { clientOf, instancePath, json, print, wholeNumber } from "./common.ts";
import { type InstanceFilter, isForOne, withInstanceFilter } from "./instance-filter.ts";

const descriptions: Readonly<Record<OperatorAction, string>> = {
  pause: "let instances stand still: their timers wait, and what comes for them is rejected",
  resume: "let instances go on: timers that came due meanwhile fire",
  cancel: "end instances; their machines do not hear of it, and what they owe is dropped",
};

const done = { pause: "paused", resume: "resumed", cancel: "cancelled" } as const;

interface OperateFlags extends BulkFlags, InstanceFilter {
  readonly reason?: string;
}

/** `instance pause`, `resume` and `cancel`: one, or all that match a filter. */
export function operateCommands(): Command[] {
  return operatorActions.map((action) =>
    withInstanceFilter(
      new Command(action)
        .description(descriptions[action])
        .argument("[flow]", "with a key, one instance; without, all that match the options")
        .argument("[key]"),
    )
      .option("--reason <text>", "kept in the history")
      .option("--max <count>", "refuse where it is for more", wholeNumber, 100)
      .option("--yes", "do it to all that match; without it they are counted")
      .option("--json", "as JSON")
      .action((flow: string | undefined, key: string | undefined, flags: OperateFlags) =>
        isForOne(flow, key, flags, action)
          ? one(action, `${flow}`, `${key}`, flags)
          : many(action, flow, flags),
      ),
  );
}

async function one(
  action: OperatorAction,
  flow: string,
  key: string,
  { namespace, reason, json: asJson }: OperateFlags,
): Promise<void> {
  const path = `${instancePath(flow, key)}/${action}`;
  const receipt = await clientOf().post<Receipt>(path, { reason }, { namespace });
  print(asJson ? json(receipt) : `${done[action]} ${flow}/${key}, as ${receipt.id}`);
}

async function many(
  action: OperatorAction,
  flow: string | undefined,
  { namespace, reason, state, thing, status, ...flags }: OperateFlags,
): Promise<void> {
  const body = { action, reason, namespace, flow, state, thing, status };
  const words = { verb: action, done: done[action], what: "instances" };
  await doToMany("/v1/bulk/instances", body, flags, words);
}
