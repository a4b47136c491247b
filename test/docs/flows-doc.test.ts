import { readFileSync } from "node:fs";
import { join } from "node:path";
import { callErrorReasons } from "@millrace/shared/contract/call-result";
import type { Effect, Outcome } from "@millrace/shared/contract/effect";
import type { RejectionCode } from "@millrace/shared/contract/journal-record";
import type { FaultCode } from "@millrace/shared/flow/fault";
import { checkDeployments } from "@millrace/shared/flow/deployment-file";
import { loadFile, loadFlow, writeFault } from "@millrace/shared/flow/load";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";
import { members, membersIn } from "./coverage.ts";
import { type Fence, readPage } from "./page.ts";
import { play, type Played } from "./play.ts";

/** docs/flows.md is true: its examples run, and they show all that there is. */

const path = join(root, "docs/flows.md");
const page = readPage(path);
const text = readFileSync(path, "utf8");

/** Well below what there is: a page that is not found has no false examples. */
const EXAMPLES_MIN = 40;
const FAULTY_MIN = 6;

// The compiler asks for a name that is missing in one of these.
const rejectionCodes: Record<RejectionCode, "shown" | "shown elsewhere"> = {
  "malformed-record": "shown",
  "bad-payload": "shown",
  schema: "shown",
  "bad-thing": "shown",
  "bad-key": "shown",
  expression: "shown",
  "no-instance": "shown",
  "unknown-event": "shown",
  "unknown-version": "shown",
  "context-too-big": "shown",
  "step-too-big": "shown",
  "too-many-effects": "shown",
  microsteps: "shown",
  "bad-effect": "shown",
  "effect-failed": "shown",
  "unknown-state": "shown elsewhere", // test/scenarios/migrate.test.ts
  paused: "shown elsewhere", // test/integration/operators.test.ts
  poison: "shown elsewhere", // test/scenarios/poison.test.ts,
};
const faultCodes: Record<FaultCode, "shown" | "not known to happen" | "too long to show"> = {
  syntax: "shown",
  "unknown-member": "shown",
  "missing-member": "shown",
  "wrong-value": "shown",
  unsupported: "shown",
  expression: "shown",
  duration: "shown",
  topic: "shown",
  "event-type": "shown",
  reserved: "shown",
  "unknown-input": "shown",
  "unknown-command": "shown",
  "unknown-target": "shown",
  "wrong-target": "shown",
  "missing-initial": "shown",
  "duplicate-id": "shown",
  "unreachable-state": "shown",
  "always-cycle": "shown",
  schema: "shown",
  "never-heard": "shown",
  "never-used": "shown",
  "overlapping-inputs": "shown",
  "unknown-role": "shown",
  "unknown-flow": "shown",
  "duplicate-deployment": "shown",
  "too-large": "too long to show",
  xstate: "not known to happen",
};
const effectKinds: Record<Effect["kind"], true> = {
  command: true,
  call: true,
  publish: true,
  send: true,
  log: true,
};
const outcomes: Record<Outcome, true> = {
  delivered: true,
  refused: true,
  expired: true,
  superseded: true,
  done: true,
  error: true,
};

const played: Played[] = [];
const told = new Set<string>();

describe("docs/flows.md", () => {
  test(`has ${EXAMPLES_MIN} examples and more`, () => {
    expect(page.examples.length).toBeGreaterThanOrEqual(EXAMPLES_MIN);
    expect(page.faulty.length).toBeGreaterThanOrEqual(FAULTY_MIN);
  });

  test.each(page.examples.map((example) => ({ ...example, ...example.run })))(
    "does what it says at line $line: $heading",
    async ({ flows, deployments, run }) => {
      played.push(await play([...flows, ...deployments], run));
    },
  );

  test.each(page.faulty)("has the faults that it says at line $line", (fence) => {
    const { flows, deployments, faults: ofEach } = loadFile(fence.text, "docs/flows.md");
    const { faults: ofAll } = checkDeployments(deployments, (_ns, name) =>
      flows.find((flow) => flow.name === name),
    );
    const faults = [...ofEach, ...ofAll];
    for (const { code } of faults) told.add(code);
    const found = faults.map(({ line, code }) => `${fence.line + line - 1} ${code}`);
    expect(found.sort(), faults.map(writeFault).join("\n")).toEqual(faultsMarked(fence).sort());
  });

  test("shows every member that a flow file may have", () => {
    const files = page.examples.flatMap(({ flows }) => flows).map((flow) => fileOf(flow));
    const used = new Set(files.flatMap((file) => [...membersIn(file)]));
    expect([...members()].filter((member) => !used.has(member))).toEqual([]);
  });

  test("names every member that a flow file may have", () => {
    const names = new Set([...members()].map((member) => member.split(" ", 1)[0] ?? ""));
    expect([...names].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  // These look back on the runs above.
  test("shows every kind of effect, every outcome and every rejection", () => {
    const seen = new Set(played.flatMap((one) => [...one.effects, ...one.rejections]));
    const causes = new Set(played.flatMap((one) => one.causes.map((type) => type.split(".")[0])));
    expect(namesOf(effectKinds).filter((kind) => !seen.has(kind))).toEqual([]);
    expect(namesOf(outcomes).filter((outcome) => !causes.has(outcome))).toEqual([]);
    expect(namesOf(rejectionCodes).filter((code) => !seen.has(code))).toEqual(
      namesOf(rejectionCodes).filter((code) => rejectionCodes[code] !== "shown"),
    );
  });

  test("shows every fault that the loader finds", () => {
    expect(namesOf(faultCodes).filter((code) => !told.has(code))).toEqual(
      namesOf(faultCodes).filter((code) => faultCodes[code] !== "shown"),
    );
  });

  test("explains every rejection, every fault and every failure of a call in a table", () => {
    const codes = [...namesOf(rejectionCodes), ...namesOf(faultCodes), ...callErrorReasons];
    expect(codes.filter((code) => !new RegExp(`^\\| \`${code}\` `, "m").test(text))).toEqual([]);
  });
});

function namesOf<T extends string>(names: Readonly<Record<T, unknown>>): T[] {
  return Object.keys(names) as T[];
}

function fileOf(fence: Fence): unknown {
  const { flow, faults } = loadFlow(fence.text, "docs/flows.md");
  if (flow === undefined) throw new Error(faults.map(writeFault).join("\n"));
  return flow.file;
}

/** `12 unknown-target` for a line 12 of the page that ends with `# ← unknown-target`. */
function faultsMarked({ text: yaml, line: first }: Fence): string[] {
  return yaml.split("\n").flatMap((line, i) => {
    const codes = /# ← (.+)$/.exec(line)?.[1]?.split(", ") ?? [];
    return codes.map((code) => `${first + i} ${code}`);
  });
}
