import { describe, expect, test } from "vitest";
import type { JsonObject } from "../contract/json.ts";
import type { RegistryRecord } from "../contract/registry-record.ts";
import { Catalogue } from "./catalogue.ts";
import { loadFlow } from "./load.ts";

type Published = RegistryRecord & { kind: "flow" };

function published(name: string, log: string, rest: JsonObject = {}): Published {
  const file = {
    flow: name,
    ...rest,
    inputs: { e: { topic: `${log}/+` } },
    machine: { on: { e: { actions: { log } } } },
  };
  const { flow } = loadFlow(JSON.stringify(file), "x.json");
  if (flow === undefined) throw new Error("a flow without fault");
  const { ns, version } = flow;
  return {
    v: 1,
    kind: "flow",
    ns,
    name,
    version,
    file: file as Published["file"],
    origin: "/flows",
  };
}

function retired(name: string): RegistryRecord {
  return { v: 1, kind: "retired", ns: "default", name, origin: "/flows" };
}

function catalogueOf(...records: (RegistryRecord | undefined)[]): {
  catalogue: Catalogue;
  faults: string[];
} {
  const faults: string[] = [];
  const catalogue = new Catalogue(8, (name, why) => faults.push(`${name}: ${why}`));
  for (const [offset, record] of records.entries()) catalogue.apply(offset, record);
  return { catalogue, faults };
}

function matched(catalogue: Catalogue, topic: string): string[] {
  return catalogue
    .router("default")
    .match(topic)
    .map(({ flow }) => flow.version);
}

describe("the catalogue", () => {
  test("has every version, of which the last one published is current", () => {
    const [one, two] = [published("a", "one"), published("a", "two")];
    const { catalogue } = catalogueOf(one, two);
    expect(catalogue.version(one.version)?.version).toBe(one.version);
    expect(catalogue.current("default", "a")?.version).toBe(two.version);
    expect(catalogue.current("other", "a")).toBeUndefined();
    expect(catalogue.entries()).toMatchObject([{ origin: "/flows", retired: false }]);
    expect(catalogue.offset).toBe(2);
  });

  test("takes a version that comes back for what it is, and compiles it once", () => {
    const [one, two] = [published("a", "one"), published("a", "two")];
    const { catalogue } = catalogueOf(one, two);
    const compiled = catalogue.version(one.version);
    catalogue.apply(2, one);
    expect(catalogue.current("default", "a")).toBe(compiled);
  });

  test("has no current version of a retired flow, until it comes back", () => {
    const one = published("a", "one");
    const { catalogue } = catalogueOf(one, retired("a"), retired("unknown"));
    expect(catalogue.current("default", "a")).toBeUndefined();
    expect(catalogue.version(one.version)).toBeDefined();
    expect(catalogue.entries()).toMatchObject([{ retired: true }]);
    catalogue.apply(3, one);
    expect(catalogue.current("default", "a")?.version).toBe(one.version);
  });

  test("routes to all versions of a namespace, the ones that come later too", () => {
    const [one, two] = [published("a", "one"), published("a", "two")];
    const { catalogue } = catalogueOf(one, published("b", "one", { namespace: "other" }));
    expect(matched(catalogue, "one/x")).toEqual([one.version]);
    expect(matched(catalogue, "two/x")).toEqual([]);
    catalogue.apply(2, two);
    expect(matched(catalogue, "one/x")).toEqual([one.version]);
    expect(matched(catalogue, "two/x")).toEqual([two.version]);
    expect(catalogue.router("other").match("one/x")).toHaveLength(1);
  });

  test("tells of a flow that it cannot compile, and goes on without it", () => {
    const file = { flow: "a", machine: { always: "#gone" } };
    const bad = { ...published("a", "one"), version: "v1", file };
    const good = published("b", "one");
    const { catalogue, faults } = catalogueOf(bad, good);
    expect(faults).toEqual([
      expect.stringMatching(/^default\/a@v1: machine: .*'#gone' does not exist/),
    ]);
    expect(catalogue.version("v1")).toBeUndefined();
    expect(catalogue.current("default", "b")?.version).toBe(good.version);
  });

  test("counts records that it does not know, and tells whoever listens of each", () => {
    const { catalogue } = catalogueOf();
    const offsets: number[] = [];
    const stop = catalogue.onChange(() => offsets.push(catalogue.offset));
    catalogue.apply(0, undefined);
    catalogue.apply(1, published("a", "one"));
    stop();
    catalogue.apply(2, retired("a"));
    expect(offsets).toEqual([1, 2]);
    expect(catalogue.offset).toBe(3);
  });
});
