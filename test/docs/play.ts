import { writeState } from "@millrace/cli/output/text";
import { type Instance, nextDue } from "@millrace/shared/contract/instance";
import type { Effect } from "@millrace/shared/contract/effect";
import type { Rejected, RejectionCode, Step } from "@millrace/shared/contract/journal-record";
import { expect } from "vitest";
import { formsOf, isEffectLine, withPlainJson } from "./effect-line.ts";
import type { Fence } from "./page.ts";
import { type Block, cut, durationMs, type Expectation, readScript } from "./script.ts";
import { Stage } from "./stage.ts";

/** What a run went through, for the page's tests to see that all there is has been shown. */
export interface Played {
  readonly steps: number;
  readonly effects: readonly Effect["kind"][];
  readonly rejections: readonly RejectionCode[];
  readonly causes: readonly string[];
}

/**
 * Plays a run, and holds it against what it says about itself.
 *
 * What it does not mention must not happen: a rejection always, and effects where it lists any.
 */
export async function play(files: readonly Pick<Fence, "text">[], run: Fence): Promise<Played> {
  const stage = await Stage.open(files);
  for (const block of readScript(run)) await new Scene(stage, block).play();
  const steps = stage.steps();
  return {
    steps: steps.length,
    effects: steps.flatMap(({ effects }) => effects.map(({ kind }) => kind)),
    rejections: stage.rejections().map(({ code }) => code),
    causes: steps.map(({ cause }) => cause.type),
  };
}

/** One act of a run, and what has to be so after it. */
class Scene {
  readonly #stage: Stage;
  readonly #block: Block;
  #steps: readonly Step[] = [];
  #rejections: readonly Rejected[] = [];

  constructor(stage: Stage, block: Block) {
    this.#stage = stage;
    this.#block = block;
  }

  async play(): Promise<void> {
    const before = { steps: this.#stage.steps().length, rejected: this.#stage.rejections().length };
    await this.#at(this.#block.act.line, () => this.#act(this.#block.act.text));
    await this.#stage.rest();
    this.#steps = this.#stage.steps().slice(before.steps);
    this.#rejections = this.#stage.rejections().slice(before.rejected);
    for (const one of this.#block.expected) await this.#at(one.line, () => this.#check(one));
    await this.#at(this.#block.act.line, () => this.#checkRest());
  }

  /** Tells which line of the page is not so, and what was so instead. */
  async #at(line: number, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const seen = [...this.#steps.map(writeStep), ...this.#rejections.map(writeRejection)];
      throw new Error(`line ${line}: ${why}\nwhat happened:\n${seen.join("\n") || "  nothing"}`, {
        cause: error,
      });
    }
  }

  // ---- what is done

  async #act(text: string): Promise<void> {
    const stage = this.#stage;
    const [verb = "", first = "", second = "", rest = ""] = cut(text, 3);
    switch (verb) {
      case "publish":
        return await stage.publish(first, payloadOf(cut(text, 2)[2] ?? ""));
      case "as":
        stage.client = first;
        return;
      case "advance":
        return await stage.world.advance(durationMs(first));
      case "signal":
        return await stage.world.signal(first, second, json(rest || "{}") as object);
      case "answer":
        return stage.answer(first, Number(second), rest);
      case "device":
        stage.device = cut(text, 1)[1] ?? "";
        return;
      case "deny":
        return stage.deny(first, second);
      case "crash":
        return await stage.crash();
      case "deploy":
        return await stage.deploy(first);
      case "retire":
        return await stage.retire(first);
      case "undeploy":
        return await stage.world.undeploy(first);
      case "lose-registry":
        return await stage.loseRegistry(first);
      case "foreign":
        return await stage.foreign(cut(text, 1)[1] ?? "");
      default:
        throw new Error(`nobody knows how to \`${verb}\``);
    }
  }

  // ---- what has to be so

  #check(expectation: Expectation): void {
    const { text } = expectation;
    const [verb = "", what = "", rest = ""] = cut(text, 2);
    if (isEffectLine(text)) return; // all of them together, at the end
    if (verb === "nothing") expect([this.#steps, this.#rejections]).toEqual([[], []]);
    else if (verb === "rejected") this.#checkRejected(what, rest);
    else if (verb === "history") this.#checkHistory(what, expectation.below);
    else if (verb === "no") expect(this.#instance(what)).toBeUndefined();
    else if (verb.includes("/")) this.#checkInstance(verb, what, rest);
    else throw new Error(`nobody knows how to check \`${text}\``);
  }

  #checkRejected(code: string, detail: string): void {
    expect(this.#rejections.map((one) => one.code)).toContain(code);
    const of = this.#rejections.filter((one) => one.code === code);
    expect(of.map((one) => one.detail).join("\n")).toContain(detail);
  }

  #checkHistory(name: string, below: readonly string[]): void {
    const steps = this.#stage.steps().filter((step) => nameOf(step.instance) === name);
    expect(steps.map(writeStep).map((line) => line.trim())).toEqual(below);
  }

  #instance(name: string): Instance | undefined {
    return this.#stage.steps().findLast((step) => nameOf(step.instance) === name)?.instance;
  }

  #checkInstance(name: string, member: string, wanted: string): void {
    const instance = this.#instance(name);
    if (instance === undefined) throw new Error(`there is no instance ${name}`);
    switch (member) {
      case "is":
        return expect(writeState(instance.state)).toBe(wanted);
      case "status":
        return expect(instance.status).toBe(wanted);
      case "context":
        return expect(instance.context).toEqual(json(wanted));
      case "output":
        return expect(instance.output).toEqual(json(wanted));
      case "error":
        return expect(JSON.stringify(instance.error)).toContain(wanted);
      case "things":
        return expect(instance.things).toEqual(json(wanted));
      case "thing":
        return expect(instance.thing).toBe(wanted);
      case "step":
        return expect(instance.seq).toBe(Number(wanted));
      case "version":
        return expect(this.#stage.versionNumber(instance.flow, instance.version)).toBe(
          Number(wanted),
        );
      case "generation":
        return expect(this.#generations(name).indexOf(instance.generation) + 1).toBe(
          Number(wanted),
        );
      case "owes":
        return expect(Object.values(instance.owed ?? {}).map((owed) => owed.name)).toEqual(
          wanted === "nothing" ? [] : wanted.split(", "),
        );
      case "wakes": {
        const due = nextDue(instance);
        const inMs = due === undefined ? undefined : due - this.#stage.world.clock.wallMs();
        return expect(inMs).toBe(
          wanted === "never" ? undefined : durationMs(wanted.replace("in ", "")),
        );
      }
      default:
        throw new Error(`nobody knows what \`${member}\` of an instance is`);
    }
  }

  #generations(name: string): number[] {
    const steps = this.#stage.steps().filter((step) => nameOf(step.instance) === name);
    return [...new Set(steps.map(({ instance }) => instance.generation))];
  }

  #checkRest(): void {
    const { expected } = this.#block;
    const effects = expected.map(({ text }) => text).filter(isEffectLine);
    if (effects.length > 0) this.#checkEffects(effects.map(withPlainJson));
    const rejected = expected.filter(({ text }) => text.startsWith("rejected ")).length;
    expect(this.#rejections.length, "rejections").toBe(rejected);
  }

  #checkEffects(wanted: readonly string[]): void {
    const found = this.#steps.flatMap((step) => step.effects).map(formsOf);
    const same = found.map((forms, i) => forms.find((form) => form === wanted[i]) ?? forms[0]);
    expect(same).toEqual(wanted);
  }
}

function nameOf({ flow, key }: Instance): string {
  return `${flow}/${key}`;
}

/** `motion: idle → lit`, as `millrace instance history` writes it. */
function writeStep({ cause, from, instance }: Step): string {
  return `  ${cause.type}: ${writeState(from)} → ${writeState(instance.state)}`;
}

function writeRejection({ code, detail }: Rejected): string {
  return `  rejected ${code}: ${detail}`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`\`${text}\` is not JSON`);
  }
}

/** JSON as it is written, `text …` or `hex …`. */
function payloadOf(text: string): Buffer {
  const [kind, rest = ""] = cut(text, 1);
  if (kind === "hex") return Buffer.from(rest, "hex");
  if (kind === "text") return Buffer.from(rest);
  return Buffer.from(text);
}
