import { operationsOf } from "@millrace/cli/compose/operations";
import { isStream } from "@millrace/gateway/api/route";
import { routesOf } from "@millrace/gateway/api/routes";
import { startApi } from "@millrace/gateway/api/server";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { expect, onTestFinished, test } from "vitest";
import { simulate } from "../support/world.ts";

/** While the store is a part of what it should be, nobody is told that the rest is not there. */

const flow = `
flow: lamp
inputs:
  a: { topic: lamp/+/a, thing: "\${topic[1]}", schema: { type: object, required: [n] } }
machine:
  context: { n: 0 }
  on: { a: { actions: { assign: { n: event.n } } } }
`;

async function open() {
  const world = await simulate({ flows: [flow], partitions: 2, engine: { commitMs: 20 } });
  await world.publish("lamp/l1/a", { n: 1 });
  await world.publish("lamp/l1/a", {}); // is rejected
  await world.deploy({ name: "d1", flow: "lamp", things: {} });
  await world.advance(500);
  const { catalogue, registry, events } = world.process;
  const store = new MemoryStateStore(world.states);
  const log = new MemoryLog(world.logs);
  const operations = operationsOf(
    { clock: world.clock, log, store, catalogue, registry, events } as never,
    {},
  );
  const api = await startApi({
    host: "127.0.0.1",
    port: 0,
    token: undefined,
    operations,
    metrics: async () => "",
    onFault: () => undefined,
  });
  onTestFinished(() => api.close());
  const [rejected] = world.counting().filter(({ kind }) => kind === "rejected");
  const version = catalogue.current("default", "lamp")?.version ?? "";
  const values: Readonly<Record<string, string>> = {
    flow: "lamp",
    key: "l1",
    version,
    "/flows/{name}": "lamp",
    "/deployments/{name}": "d1",
    "/rejected/{id}": `${rejected?.partition}-${rejected?.offset}`,
    "/traces/{id}": "0".repeat(31) + "1",
  };
  const pathOf = (path: string): string =>
    path.replace(/\{(\w+)\}/g, (whole: string, name: string, at: number) =>
      encodeURIComponent(values[path.slice(0, at) + whole] ?? values[name] ?? ""),
    );
  const ask = async (path: string): Promise<string> => {
    const aborter = new AbortController();
    const { signal } = aborter;
    const response = await fetch(`http://127.0.0.1:${api.port}/v1${pathOf(path)}`, { signal });
    const said = response.status === 200 ? "" : ` ${((await response.json()) as Problem).code}`;
    aborter.abort(); // some go on
    return `${response.status}${said}`;
  };
  const paths = routesOf(operations)
    .filter((route) => isStream(route) || route.method === "GET")
    .map(({ path }) => path);
  const askAll = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      await Promise.all(paths.map(async (path) => [path, await ask(path)] as const)),
    );
  return { world, askAll };
}

interface Problem {
  readonly code: string;
}

/** What is read from the registry, and from the journal alone. */
const others = [
  "/flows",
  "/flows/{name}",
  "/flows/{name}/versions/{version}",
  "/deployments",
  "/deployments/{name}",
  "/rejected/{id}",
  "/traces/{id}",
];

test("each look-up says that the store is being rebuilt, and others answer", async () => {
  const { world, askAll } = await open();
  const whole = await askAll();
  expect(new Set(Object.values(whole))).toEqual(new Set(["200"]));
  world.crash();
  world.states.wipe();
  const meanwhile = Object.entries(await askAll());
  expect(meanwhile.filter(([, said]) => said === "200").map(([path]) => path)).toEqual(
    expect.arrayContaining(others),
  );
  const refused = meanwhile.filter(([path]) => !others.includes(path));
  expect(refused.length).toBeGreaterThan(5);
  expect(refused).toEqual(refused.map(([path]) => [path, "503 STATE-005"]));
});
