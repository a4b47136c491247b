import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { kafkaVersion } from "../../../../test/support/servers/kafka-jars.ts";
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
  readonly ports?: readonly string[];
  readonly secrets?: readonly string[];
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, unknown>>;
}

const files = ["compose.yaml", "observability.yaml"];
const [compose, observability] = files.map(composeFile) as [ComposeFile, ComposeFile];
const services = Object.entries(compose.services);
/** What observability.yaml adds; what is in both is merged. */
const added = Object.entries(observability.services).filter(
  ([name]) => !(name in compose.services),
);
const volumesNamed = { ...compose.volumes, ...observability.volumes };
const ours = services.filter(([, { image }]) => image === "millrace");
const serving = ours.filter(([name]) => name !== "fleet");
const dockerfile = textOf("deploy/images/Dockerfile");
/** What it copies from the repository. */
const sources = Array.from(dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm), ([, list = ""]) =>
  list.split(" "),
).flat();

describe.each(files)("deploy/compose/%s", (file) => {
  test("is what the Compose Specification says", () => {
    const schema = JSON.parse(textOf("test/support/schemas/compose-spec.json")) as object;
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    const validate = ajv.compile(schema);
    expect([validate(composeFile(file)), validate.errors]).toEqual([true, null]);
    const [, service] = Object.entries(composeFile(file).services)[0] ?? [];
    expect(validate({ services: { one: { ...service, restart_policy: "always" } } })).toBe(false);
  });
});

describe("deploy/compose", () => {
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

  test.each(serving)("lets %s do no more than it needs", (_name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
    });
  });

  test("has the Kafka that the tests run on", () => {
    expect(compose.services["kafka"]?.image).toBe(`apache/kafka:${kafkaVersion}`);
  });

  test("starts the fleet with options that it takes", () => {
    const [, { command }] = ours.find(([name]) => name === "fleet") ?? ["", { command: [] }];
    const fleet = createProgram().commands.find((one) => one.name() === command[0]);
    expect(fleet?.options.map(({ long }) => long)).toContain(command[1]);
  });

  test.each([...services, ...added])("has what %s needs", (_name, service) => {
    const { image, volumes = [], depends_on = {}, secrets = [] } = service;
    expect(image === "millrace" || /:v?\d/.test(image)).toBe(true);
    for (const [from = ""] of volumes.map((volume) => volume.split(":"))) {
      const there = from.startsWith(".")
        ? existsSync(join(root, "deploy/compose", from))
        : from in volumesNamed;
      expect([from, there]).toEqual([from, true]);
    }
    for (const secret of secrets) expect(observability.secrets).toHaveProperty(secret);
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

/** Where the services of observability.yaml look for each other. */
const configs = globSync("deploy/compose/observability/*.yaml", { cwd: root }).sort();

describe("deploy/compose/observability", () => {
  test("is mounted, all of it", () => {
    const mounted = added.flatMap(([, { volumes = [] }]) =>
      volumes.map((one) => one.split(":")[0]),
    );
    const there = configs.map((file) => file.replace("deploy/compose/", "./"));
    expect(there.filter((file) => !mounted.includes(file))).toEqual([]);
  });

  test.each(configs)("speaks to services that there are: %s", (file) => {
    const hosts = Array.from(textOf(file).matchAll(/http:\/\/([a-z]+):/g), ([, host]) => host);
    const { scrape_configs: jobs = [] } = parse(textOf(file)) as Prometheus;
    const scraped = jobs.flatMap((job) => job.dns_sd_configs.flatMap(({ names }) => names));
    const known = [...services, ...added].map(([name]) => name);
    expect([...hosts, ...scraped].filter((host) => !known.includes(host ?? ""))).toEqual([]);
  });

  test("asks each role, with the token, where it serves", () => {
    const { scrape_configs: jobs } = parse(
      textOf("deploy/compose/observability/prometheus.yaml"),
    ) as Prometheus;
    const [job] = jobs ?? [];
    expect(jobs).toHaveLength(1);
    expect(job?.dns_sd_configs).toMatchObject([{ names: serving.map(([name]) => name) }]);
    const config = loadConfig({ flags: {}, env: {}, file: "none" });
    expect(job?.dns_sd_configs[0]?.port).toBe(config.httpPort);
    const [secret = ""] = observability.services["prometheus"]?.secrets ?? [];
    expect(job?.authorization.credentials_file).toBe(`/run/secrets/${secret}`);
    expect(observability.secrets?.[secret]).toEqual({ environment: settings.token.env });
  });

  test("takes traces where they are sent, and nothing that no pipeline uses", () => {
    const { receivers, processors, exporters, service } = parse(
      textOf("deploy/compose/observability/collector.yaml"),
    ) as Collector;
    const { traces } = service.pipelines;
    expect([Object.keys(receivers), Object.keys(processors), Object.keys(exporters)]).toEqual([
      traces.receivers,
      traces.processors,
      traces.exporters,
    ]);
    const [, port] = /:(\d+)$/.exec(receivers.otlp.protocols.http.endpoint) ?? [];
    for (const [name] of serving)
      expect(observability.services[name]?.environment).toEqual({
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://collector:${port}/v1/traces`,
      });
  });
});

interface Prometheus {
  readonly scrape_configs?: readonly {
    readonly authorization: { readonly credentials_file: string };
    readonly dns_sd_configs: readonly {
      readonly names: readonly string[];
      readonly port: number;
    }[];
  }[];
}

interface Collector {
  readonly receivers: {
    readonly otlp: { readonly protocols: { readonly http: { readonly endpoint: string } } };
  };
  readonly processors: object;
  readonly exporters: object;
  readonly service: {
    readonly pipelines: {
      readonly traces: Readonly<
        Record<"receivers" | "processors" | "exporters", readonly string[]>
      >;
    };
  };
}

function composeFile(name: string): ComposeFile {
  return parse(textOf(`deploy/compose/${name}`), { merge: true }) as ComposeFile;
}

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
