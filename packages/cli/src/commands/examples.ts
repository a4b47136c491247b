import type { Command } from "commander";

/** A line to type, as the help of its command shows it. The tests run each. */
export interface Example {
  readonly line: string;
  /** What it does, where the line does not say it. */
  readonly about?: string;
  /** Exit codes that it may end with, other than 0 alone; `about` says when. */
  readonly exitCodes?: readonly number[];
}

const servers = "--log-url kafka://kafka-1:9092,kafka-2:9092 --state-url redis://redis:6379";

/** Of every command that does something, by its words. */
export const examples: Readonly<Record<string, readonly Example[]>> = {
  start: [
    { line: "millrace start --flows my-flows" },
    { line: "millrace start --flows my-flows --fleet", about: "with simulated rooms" },
  ],
  gateway: [{ line: `millrace gateway --flows my-flows ${servers}` }],
  engine: [{ line: `millrace engine --http-port 8081 ${servers}` }],
  dispatcher: [{ line: `millrace dispatcher --http-port 8082 ${servers}` }],
  "flow check": [{ line: "millrace flow check my-flows/stairs.yaml new/motion-light.yaml" }],
  "flow list": [{ line: "millrace flow list" }],
  "flow schema": [{ line: "millrace flow schema" }],
  "flow publish": [{ line: "millrace flow publish new/motion-light.yaml" }],
  "flow show": [{ line: "millrace flow show motion-light" }],
  "flow diff": [
    {
      line: "millrace flow diff motion-light new/motion-light.yaml",
      about: "what the file has otherwise",
    },
  ],
  "flow retire": [{ line: "millrace flow retire door-alarm" }],
  "flow migrate": [
    {
      line: "millrace flow migrate motion-light --dry-run",
      about: "how many, and which states do not map",
    },
    { line: "millrace flow migrate motion-light --map dimming=fading --yes" },
  ],
  "flow verify": [
    {
      line: "millrace flow verify --since 7d",
      about: "does this program decide as the one did that decided?",
    },
    {
      line: "millrace flow verify --since 7d --with new/motion-light.yaml",
      about: "ends with 1 where something comes out otherwise",
      exitCodes: [0, 1],
    },
  ],
  "deployment list": [{ line: "millrace deployment list --thing stairs-lamp" }],
  "deployment show": [{ line: "millrace deployment show stairs" }],
  "deployment schema": [{ line: "millrace deployment schema" }],
  "instance list": [{ line: "millrace instance list --flow motion-light --state lit" }],
  "instance show": [{ line: "millrace instance show motion-light kitchen" }],
  "instance history": [
    { line: "millrace instance history motion-light kitchen --limit 5", about: "the last five" },
  ],
  "instance signal": [
    { line: `millrace instance signal motion-light kitchen motion --payload '{"lux": 12}'` },
  ],
  "instance pause": [
    { line: `millrace instance pause motion-light kitchen --reason "a new sensor"` },
    { line: "millrace instance pause motion-light --state lit", about: "how many that would be" },
  ],
  "instance resume": [{ line: "millrace instance resume motion-light kitchen" }],
  "instance cancel": [
    { line: `millrace instance cancel motion-light kitchen --reason "the room is gone"` },
  ],
  "rejected list": [{ line: "millrace rejected list --flow motion-light --since 2h" }],
  "rejected show": [{ line: "millrace rejected show 3-1042" }],
  "rejected redrive": [
    { line: "millrace rejected redrive 3-1042" },
    { line: "millrace rejected redrive --code schema", about: "how many that would be" },
    { line: "millrace rejected redrive --code schema --yes" },
  ],
  trace: [{ line: "millrace trace 73ddad185aec52ee52f2c2f7e36c3dd6 --since 2h" }],
  "journal tail": [{ line: "millrace journal tail --flow motion-light" }],
  rebuild: [
    { line: "millrace rebuild" },
    { line: "millrace rebuild --only 0,4-7", about: "partitions 0, 4, 5, 6 and 7" },
  ],
  config: [{ line: "millrace config" }],
  fleet: [{ line: "millrace fleet --mqtt mqtt://127.0.0.1:1883 --devices 3" }],
  completion: [{ line: "millrace completion bash" }],
};

/** Shows the examples of a command, and of all below it, at the end of their help. */
export function showExamples(command: Command, words: readonly string[] = []): void {
  const own = examples[words.join(" ")];
  if (own !== undefined) command.addHelpText("after", `\nExamples:\n${own.map(write).join("\n")}`);
  for (const inner of command.commands) showExamples(inner, [...words, inner.name()]);
}

function write({ line, about }: Example): string {
  return about === undefined ? `  ${line}` : `  ${line}\n      ${about}`;
}
