import { instanceStatuses } from "@millrace/shared/contract/instance";
import { type Command, Option } from "commander";
import { usage } from "./common.ts";

/** Which instances a command is for, where it is for many. */
export interface InstanceFilter {
  readonly state?: string;
  readonly thing?: string;
  readonly status?: string;
  readonly namespace?: string;
}

export function withInstanceFilter(command: Command): Command {
  return command
    .option("--state <state>", "those in one state, `a` or `a.b`")
    .option("--thing <name>", "those of one thing")
    .addOption(new Option("--status <status>", "those of one status").choices(instanceStatuses))
    .option("--namespace <name>", "of another namespace");
}

/**
 * Whether a command is for one instance, which it names, or for all that match its filter.
 *
 * @param verb what it would do to them
 */
export function isForOne(
  flow: string | undefined,
  key: string | undefined,
  { state, thing, status }: InstanceFilter,
  verb: string,
): boolean {
  const isNarrow = (state ?? thing ?? status) !== undefined;
  if (key !== undefined && isNarrow)
    throw usage(
      "--state, --thing and --status choose among many; leave the key out, or leave them out",
    );
  if (flow === undefined && !isNarrow)
    throw usage(
      `name a flow, or one of --state, --thing and --status, of the instances to ${verb}`,
    );
  return key !== undefined;
}
