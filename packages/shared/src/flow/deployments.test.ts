import { describe, expect, test } from "vitest";
import { partitionOf } from "../contract/partition.ts";
import { Deployments } from "./deployments.ts";

const PARTITIONS = 4;

function put(deployments: Deployments, name: string, things: Record<string, string>, flow = "f") {
  deployments.put({
    v: 1,
    kind: "deployment",
    ns: "default",
    name,
    flow,
    things,
    origin: "/flows",
  });
}

/** Names by partition. */
function listening(deployments: Deployments, thing: string, role = "a", flow = "f") {
  const found = deployments.listeningTo(thing, { ns: "default", flow, role });
  return new Map(Array.from(found, ([partition, listeners]) => [partition, [...listeners.keys()]]));
}

describe("the index of deployments", () => {
  test("finds those in which a thing has a role, by the partitions of their keys", () => {
    const deployments = new Deployments(PARTITIONS);
    const names = ["x", "y", "z", "x2", "y2", "z2"];
    for (const name of names) put(deployments, name, { a: "t", b: `other-${name}` });
    const expected = Map.groupBy(names, (name) => partitionOf(`default/${name}`, PARTITIONS));
    expect(listening(deployments, "t")).toEqual(expected);
    expect(listening(deployments, "t", "b")).toEqual(new Map());
    expect(listening(deployments, "t", "a", "g")).toEqual(new Map());
    expect(listening(deployments, "other-x", "b")).toEqual(
      new Map([[partitionOf("default/x", PARTITIONS), ["x"]]]),
    );
  });

  test("forgets what a deployment bound before, and what is gone", () => {
    const deployments = new Deployments(PARTITIONS);
    const place = partitionOf("default/x", PARTITIONS);
    put(deployments, "x", { a: "t", b: "t" });
    put(deployments, "x", { a: "u", b: "t" });
    expect(listening(deployments, "t")).toEqual(new Map());
    expect(listening(deployments, "t", "b")).toEqual(new Map([[place, ["x"]]]));
    put(deployments, "x", { a: "u" }, "g");
    expect(listening(deployments, "u")).toEqual(new Map());
    expect(listening(deployments, "u", "a", "g")).toEqual(new Map([[place, ["x"]]]));
    deployments.remove({ ns: "default", name: "x" });
    deployments.remove({ ns: "default", name: "never there" });
    expect(listening(deployments, "u", "a", "g")).toEqual(new Map());
    expect(deployments.all()).toEqual([]);
  });

  test("lists them in the order of their names", () => {
    const deployments = new Deployments(PARTITIONS);
    for (const name of ["b", "c", "a"]) put(deployments, name, { a: "t" });
    expect(deployments.all().map(({ name }) => name)).toEqual(["a", "b", "c"]);
    deployments.remove({ ns: "default", name: "b" });
    expect(deployments.all().map(({ name }) => name)).toEqual(["a", "c"]);
    expect(deployments.get("default", "a")).toMatchObject({ name: "a", things: { a: "t" } });
    expect(deployments.get("other", "a")).toBeUndefined();
  });
});
