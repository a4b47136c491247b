import { describe, expect, test } from "vitest";
import { diffFlows } from "./diff.ts";
import { loadFlow, writeFault } from "./load.ts";
import type { FlowFile } from "./schema.ts";

const lamp = `
flow: lamp
inputs: { press: { topic: lamp/+/press, thing: "\${topic[1]}" } }
commands: { light: { topic: "lamp/\${thing.name}" } }
machine:
  initial: "off"
  context: { presses: 0 }
  states:
    off: { on: { press: on } }
    on:
      on: { press: { target: "off", actions: { command: light } } }
      after: { 90s: "off" }
`;

function fileOf(text: string): FlowFile {
  const { flow, faults } = loadFlow(text, "lamp.yaml");
  if (flow === undefined) throw new Error(faults.map(writeFault).join("\n"));
  return flow.file;
}

/** Each change of the text in one line. */
function changed(...replacements: readonly (readonly [string, string])[]): string[] {
  const other = replacements.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`${from} is not in it`);
    return text.replace(from, to);
  }, lamp);
  return diffFlows(fileOf(lamp), fileOf(other)).map(({ kind, what, members = [] }) =>
    [kind, what, ...members.map(({ path }) => path)].join(" ").trim(),
  );
}

describe("the difference of two flows", () => {
  test("is told part by part, with the members that changed", () => {
    expect(changed(["press: on }", 'press: { target: on, guard: "event.n > 1" } }'])).toEqual([
      "changed transition on press of off [0].guard",
    ]);
    expect(changed(["presses: 0", "presses: 1"], ["90s", "80s"])).toEqual([
      "changed context presses",
      "removed timer 90s of on",
      "added timer 80s of on",
    ]);
    expect(changed(["lamp/+/press", "lamp/+/pressed"])).toEqual(["changed input press topic"]);
  });

  test("says of a state that comes or goes that alone", () => {
    const broken =
      '    broken: { on: { press: { target: "off" } }, initial: a, states: { a: {} } }';
    expect(
      changed(["    on:\n", `${broken}\n    on:\n`], ["press: on }", "press: on, hit: broken }"]),
    ).toEqual(["added transition on hit of off", "added state broken"]);
  });

  test("is nothing where the same is written otherwise", () => {
    expect(
      changed(
        ["press: on }", "press: [{ target: on }] }"],
        ["90s", "90000"],
        ["{ command: light } }", "[{ command: light }] }"],
      ),
    ).toEqual([]);
  });
});
