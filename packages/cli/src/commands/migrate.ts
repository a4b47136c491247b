import type { MigratedState, MigrationPage } from "@millrace/gateway/api/operations";
import { Command } from "commander";
import { CommandFailed, exitCodes } from "../client/client.ts";
import { doPages } from "../client/pages.ts";
import { Progress } from "../output/progress.ts";
import { writeTable } from "../output/table.ts";
import { writeState } from "../output/text.ts";
import { clientOf, json, print, usage, wholeNumber } from "./common.ts";

interface MigrateFlags {
  readonly from?: string;
  readonly to?: string;
  readonly map: Readonly<Record<string, string>>;
  readonly namespace?: string;
  readonly reason?: string;
  readonly max: number;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** `flow migrate`: running instances to another version. They are counted first. */
export function migrateCommand(): Command {
  return new Command("migrate")
    .description("move running instances to another version; without --yes they are counted")
    .argument("<flow>")
    .option("--from <version>", "those of this version (default: of all others)")
    .option("--to <version>", "to this version (default: the one that new instances run)")
    .option("--map <old=new>", "a state by what it is called there; may be said again", stateOf, {})
    .option("--namespace <name>", "of another namespace")
    .option("--reason <text>", "kept in the history")
    .option("--max <count>", "refuse where it is for more", wholeNumber, 100)
    .option("--dry-run", "count them, by their states, and leave it at that")
    .option("--yes", "do it")
    .option("--json", "as JSON")
    .action(migrate);
}

function stateOf(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const [was = "", now = "", ...more] = text.split("=");
  if (was === "" || now === "" || more.length > 0)
    throw usage(`${text} must be old=new, as dimming=fading`);
  return { ...before, [was]: now };
}

async function migrate(flow: string, flags: MigrateFlags): Promise<void> {
  const { from, to, map, namespace, reason, max, dryRun, yes, json: asJson } = flags;
  const body = { from, to, map, namespace, reason };
  const planned = await migratePages(flow, { ...body, preview: true });
  const lost = planned.states.filter(({ becomes }) => becomes === undefined);
  const stays = dryRun === true || yes !== true || lost.length > 0 || planned.count > max;
  if (asJson && stays) print(json({ ...planned, done: 0 }));
  if (!asJson) print(writePlan(planned));
  if (lost.length > 0) {
    const states = lost.map(({ state }) => writeState(state)).join(", ");
    const said = `version ${planned.to} has no state ${states}; --map says what it is there. Nothing was done`;
    throw new CommandFailed(said, exitCodes.failed);
  }
  if (dryRun === true) return;
  if (planned.count > max) {
    const said = `this would migrate ${planned.count} instances, and --max is ${max}; raise it to go on`;
    throw new CommandFailed(said, exitCodes.failed);
  }
  if (yes !== true) {
    if (!asJson) print(`this would migrate ${planned.count} instances; --yes does it`);
    return;
  }
  const progress = new Progress();
  const told = (soFar: number): void =>
    progress.move(soFar / planned.count, `${soFar} of ${planned.count} instances`);
  const now = { ...body, to: planned.to, preview: false };
  const done = await migratePages(flow, now, told, max).finally(() => progress.clear());
  print(asJson ? json({ ...planned, done: done.count }) : `migrated ${done.count} instances`);
}

/** @param max held by the server, for what is not only counted */
async function migratePages(
  flow: string,
  body: object,
  told: (soFar: number) => void = () => {},
  max?: number,
): Promise<MigrationPage> {
  const path = `/v1/flows/${encodeURIComponent(flow)}/migrate`;
  const states = new Map<string, MigratedState>();
  let [count, to] = [0, ""];
  for await (const page of doPages<MigrationPage>(clientOf(), path, body, max)) {
    for (const one of page.states) {
      const place = JSON.stringify(one.state);
      states.set(place, { ...one, count: one.count + (states.get(place)?.count ?? 0) });
    }
    count += page.count;
    to = page.to;
    told(count);
  }
  return { to, count, states: [...states.values()] };
}

function writePlan({ to, states }: MigrationPage): string {
  if (states.length === 0) return `no instances to move to version ${to}`;
  return writeTable(states, [
    { title: "state", value: ({ state }) => writeState(state) },
    {
      title: "becomes",
      value: ({ becomes }) => (becomes === undefined ? "?" : writeState(becomes)),
    },
    { title: "instances", value: ({ count }) => count },
  ]);
}
