import { Command } from "commander";
import { loadConfig, withoutLogins } from "../config/load.ts";
import { type Config, type SettingName, settings } from "../config/settings.ts";
import { writeTable } from "../output/table.ts";
import { json, print } from "./common.ts";
import { type SettingFlags, withSettings } from "./serve.ts";

/** `config`: every setting, and where it came from. */
export function configCommand(): Command {
  return withSettings(
    new Command("config")
      .description(
        "show every setting as a server started here would have it, and where it came from",
      )
      .option("--json", "as JSON"),
  ).action(show);
}

function show({ config: file, json: asJson, ...flags }: SettingFlags & { json?: true }): void {
  const config = loadConfig({ flags, env: process.env, file });
  const rows = (Object.keys(settings) as SettingName[]).map((name) => ({
    name,
    env: settings[name].env,
    value: valueOf(config, name),
    source: config.sources[name],
  }));
  if (asJson) return print(json(rows));
  print(
    writeTable(rows, [
      { title: "setting", value: ({ env }) => env },
      { title: "value", value: ({ value }) => value },
      { title: "from", value: ({ source }) => source },
    ]),
  );
}

/** As it may be shown: without logins, and of a secret only that it is there. */
function valueOf(config: Config, name: SettingName): string {
  const value = config[name];
  if (value === undefined) return "";
  if (name === "token") return "…";
  const text = value instanceof Set ? [...value].join(",") : String(value);
  return withoutLogins(text);
}
