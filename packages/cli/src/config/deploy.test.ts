import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createProgram } from "../program.ts";
import { loadConfig } from "./load.ts";
import { settings } from "./settings.ts";

/** What is in deploy/ knows the product: the tests cannot build an image, but they can read. */

const root = fileURLToPath(new URL("../../../..", import.meta.url));

interface Service {
  readonly image: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
}

const compose = parse(textOf("deploy/compose/compose.yaml"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image === "millrace");
const serving = ours.filter(([name]) => name !== "fleet");
const dockerfile = textOf("deploy/images/Dockerfile");
/** What it copies from the repository. */
const sources = Array.from(dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm), ([, list = ""]) =>
  list.split(" "),
).flat();

describe("deploy/compose/compose.yaml", () => {
  test("has one of each role", () => {
    expect(serving.map(([, { command }]) => command)).toEqual([
      ["gateway"],
      ["engine"],
      ["dispatcher"],
    ]);
  });

  test.each(serving)("starts %s with settings that it takes", (name, { environment = {} }) => {
    const known = new Set<string>(Object.values(settings).map(({ env }) => env));
    expect(Object.keys(environment).filter((variable) => !known.has(variable))).toEqual([]);
    const config = loadConfig({ flags: {}, env: filledIn(environment), file: "none", role: name });
    expect(config.allow).toEqual(new Set(["single-broker"]));
  });

  test("starts the fleet with options that it takes", () => {
    const [, { command }] = ours.find(([name]) => name === "fleet") ?? ["", { command: [] }];
    const fleet = createProgram().commands.find((one) => one.name() === command[0]);
    expect(fleet?.options.map(({ long }) => long)).toContain(command[1]);
  });

  test.each(services)("has what %s needs", (_name, { image, volumes = [], depends_on = {} }) => {
    expect(image === "millrace" || /:\d/.test(image)).toBe(true);
    for (const [from = ""] of volumes.map((volume) => volume.split(":"))) {
      const there = from.startsWith(".")
        ? existsSync(join(root, "deploy/compose", from))
        : from in compose.volumes;
      expect([from, there]).toEqual([from, true]);
    }
    for (const [other, { condition }] of Object.entries(depends_on)) {
      expect(condition).toBe("service_healthy");
      const service = compose.services[other];
      expect(service?.healthcheck !== undefined || service?.image === "millrace").toBe(true);
    }
  });
});

describe("deploy/images/Dockerfile", () => {
  test("copies what is there", () => {
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([]);
  });

  test("installs for every package", () => {
    const manifests = globSync("packages/*/package.json", { cwd: root });
    expect(manifests.filter((file) => !dockerfile.includes(`COPY ${file} `))).toEqual([]);
  });

  test("runs on the Node that the packages bring", () => {
    const manifest = JSON.parse(textOf("package.json")) as { devDependencies: { node: string } };
    const images = Array.from(dockerfile.matchAll(/^FROM node:(\S+?)-/gm), ([, one]) => one);
    expect(new Set(images)).toEqual(new Set([manifest.devDependencies.node]));
  });

  test("is given by .dockerignore what it copies", () => {
    const ignore = textOf(".dockerignore").split("\n");
    const tops = sources.map((source) => source.split("/")[0] ?? "");
    expect(tops.filter((top) => !ignore.includes(`!${top}`))).toEqual([]);
  });
});

function textOf(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The environment as Compose passes it on: its own `${NAME:?…}` from the one it runs in. */
function filledIn(environment: NonNullable<Service["environment"]>): NodeJS.ProcessEnv {
  const entries = Object.entries(environment).map(([name, value]) => [
    name,
    String(value).replaceAll(/\$\{\w+[^}]*\}/g, "0123456789abcdef"),
  ]);
  return Object.fromEntries(entries) as NodeJS.ProcessEnv;
}
