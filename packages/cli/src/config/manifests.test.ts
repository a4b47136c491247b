import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { DISPATCH_GROUP } from "@millrace/shared/contract/dispatch-bookmark";
import { Deployment, type IDeployment } from "kubernetes-models/apps/v1/Deployment";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Namespace } from "kubernetes-models/v1/Namespace";
import { Service } from "kubernetes-models/v1/Service";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { STOP_MS_MAX } from "../commands/serve.ts";
import { loadConfig } from "./load.ts";
import type { Config } from "./settings.ts";

/**
 * deploy/kubernetes, held to the schemas of Kubernetes and KEDA, and to what the product knows. No cluster is
 * asked.
 */

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const folder = join(root, "deploy/kubernetes");

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

interface Kustomization {
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
  readonly configMapGenerator?: readonly { readonly files: readonly string[] }[];
}

const kustomizations = globSync("*/kustomization.yaml", { cwd: folder }).sort();
const manifests = kustomizations.flatMap((file) =>
  (kustomizationOf(file).resources ?? [])
    .filter((resource) => resource.endsWith(".yaml"))
    .flatMap((resource) => documentsIn(join(dirname(file), resource))),
);
const kinds = [
  Deployment,
  HorizontalPodAutoscaler,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  ScaledObject,
  Service,
  ServiceAccount,
];
const deployments = manifests.filter(
  (one) => one.kind === "Deployment",
) as unknown as IDeployment[];
const roles = deployments.map((deployment) => ({ role: roleOf(deployment), deployment }));

describe("deploy/kubernetes", () => {
  test("has one of each role", () => {
    expect(roles.map(({ role }) => role)).toEqual(["gateway", "engine", "dispatcher"]);
  });

  test.each(kustomizations)("names what is beside it: %s", (file) => {
    const { resources = [], components = [], patches = [], ...rest } = kustomizationOf(file);
    const generated = rest.configMapGenerator?.flatMap(({ files }) => files) ?? [];
    const named = [...resources, ...components, ...patches.map(({ path }) => path), ...generated];
    const place = join(folder, dirname(file));
    const there = globSync("**/*.yaml", { cwd: place }).filter(
      (one) => basename(one) !== "kustomization.yaml",
    );
    expect(named.filter((one) => !one.startsWith("..")).sort()).toEqual(there.sort());
    for (const other of named.filter((one) => one.startsWith("..")))
      expect(globSync(join(place, other, "kustomization.yaml"))).toHaveLength(1);
  });

  test.each(manifests)("is valid: $kind $metadata.name", (manifest) => {
    const { apiVersion, kind } = manifest;
    const known = kinds.find((one) => one.apiVersion === apiVersion && one.kind === kind);
    if (known === undefined) throw new Error(`no schema here for ${apiVersion} ${kind}`);
    new (known as new (data: object) => { validate(): void })(manifest).validate();
  });

  // The schemas of Kubernetes let unknown fields pass, as its server does when it drops them.
  test("has no field that Kubernetes does not know", () => {
    expect(compile(manifests)).toBe("");
    const [, engine] = structuredClone(deployments);
    Object.assign(engine?.spec?.template.spec?.containers[0] ?? {}, { readynessProbe: {} });
    expect(compile([engine as unknown as Manifest])).toMatch(/readynessProbe.* does not exist/);
  });

  test("speaks of pods that there are", () => {
    const labels = deployments.map(({ spec }) => spec?.template.metadata?.labels ?? {});
    const selectors = manifests.flatMap(({ kind, metadata, spec }) =>
      selectorsIn(spec).map((selector) => ({ by: `${kind} ${metadata.name}`, selector })),
    );
    expect(selectors.length).toBeGreaterThan(10);
    for (const { by, selector } of selectors) {
      const found = labels.filter((one) =>
        Object.entries(selector).every(([label, value]) => one[label] === value),
      );
      expect([by, found.length > 0]).toEqual([by, true]);
    }
    const names = deployments.map(({ metadata }) => metadata?.name);
    const targets = manifests.map(
      ({ spec }) => spec?.["scaleTargetRef"] as { name: string } | undefined,
    );
    for (const target of targets.filter((one) => one !== undefined))
      expect(names).toContain(target.name);
  });

  test("has patches for containers that there are", () => {
    const files = kustomizations.flatMap((file) =>
      (kustomizationOf(file).patches ?? []).map(({ path }) => join(dirname(file), path)),
    );
    const patched = files.flatMap(documentsIn) as unknown as IDeployment[];
    expect(patched.length).toBeGreaterThan(0);
    for (const patch of patched) {
      const base = deployments.find(({ metadata }) => metadata?.name === patch.metadata?.name);
      expect(containerOf(base)?.name).toBe(containerOf(patch)?.name);
      configOf(roleOf(base), base, patch);
    }
  });

  test("keeps namespaces to what is restricted", () => {
    const namespaces = manifests.filter(({ kind }) => kind === "Namespace");
    expect(namespaces.map(({ metadata }) => metadata.labels)).toEqual([
      { "pod-security.kubernetes.io/enforce": "restricted" },
    ]);
  });

  test("shows a flow of the examples", () => {
    for (const flow of globSync("*/flows/*.yaml", { cwd: folder }))
      expect(readFileSync(join(folder, flow), "utf8")).toBe(
        readFileSync(join(root, "examples", basename(flow)), "utf8"),
      );
  });

  test("scales by the groups and topics of the default prefix", () => {
    const triggers = manifests
      .filter(({ kind }) => kind === "ScaledObject")
      .flatMap(({ spec }) => spec?.["triggers"] as { metadata: Record<string, string> }[]);
    expect(
      triggers.map(({ metadata: { topic, consumerGroup } }) => [topic, consumerGroup]),
    ).toEqual([
      ["millrace.events", "millrace-engine"],
      ["millrace.journal", `millrace-${DISPATCH_GROUP}`],
    ]);
  });
});

describe.each(roles)("the $role of deploy/kubernetes", ({ role, deployment }) => {
  const config = configOf(role, deployment);
  const pod = deployment.spec?.template.spec;
  const container = containerOf(deployment);

  test("has time to stop in good order", () => {
    const graceMs = (pod?.terminationGracePeriodSeconds ?? 0) * 1_000;
    expect(graceMs).toBeGreaterThan(config.stopDelay + STOP_MS_MAX);
  });

  test("is gone from its Service before it takes no more", () => {
    const { periodSeconds = 0, failureThreshold = 0 } = container?.readinessProbe ?? {};
    if (role === "gateway")
      expect(config.stopDelay).toBeGreaterThan(periodSeconds * failureThreshold * 1_000);
    else expect(selectorsOfServices()).not.toContain(role);
  });

  test("is asked where it answers", () => {
    const ports = new Map(
      container?.ports?.map(({ name, containerPort }) => [name, containerPort]),
    );
    const served = {
      http: config.httpPort,
      ...(role === "gateway" && { mqtt: config.mqttPort, peer: 7883 }),
    };
    expect(Object.fromEntries(ports)).toEqual(served);
    const { startupProbe, readinessProbe, livenessProbe } = container ?? {};
    const asked = [startupProbe, readinessProbe, livenessProbe].map((probe) => probe?.httpGet);
    expect(asked).toEqual(
      ["/healthz", "/readyz", "/healthz"].map((path) => ({ path, port: "http" })),
    );
    if (role === "gateway") expect(config.peerUrl).toMatch(/:7883$/);
  });

  test("loses one pod at a time when nodes are drained", () => {
    const budgets = specsFor("PodDisruptionBudget", deployment, "selector");
    expect(budgets.map((budget) => budget["maxUnavailable"])).toEqual([1]);
  });

  test("speaks to nobody, and is spoken to by nobody, but as policies say", () => {
    const policies = specsFor("NetworkPolicy", deployment, "podSelector");
    const types = policies.flatMap((policy) => policy["policyTypes"] as string[]);
    expect(new Set(types)).toEqual(new Set(["Ingress", "Egress"]));
    const ours = { podSelector: { matchLabels: { "app.kubernetes.io/name": "millrace" } } };
    const gateways = {
      podSelector: {
        matchLabels: { ...ours.podSelector.matchLabels, "app.kubernetes.io/component": "gateway" },
      },
    };
    const allowed = { namespaceSelector: { matchLabels: { "millrace-http": "allowed" } } };
    expect(rulesOf(policies, "ingress", "from")).toEqual([
      [["http"], [{ podSelector: {} }, allowed]],
      ...(role === "gateway"
        ? [
            [["mqtt"], "anybody"],
            [["peer"], [ours]],
          ]
        : []),
    ]);
    expect(rulesOf(policies, "egress", "to")).toEqual([
      [[53, 53], "anybody"],
      [[9092], "anybody"],
      [[6379], "anybody"],
      [[4318], "anybody"],
      [[7883], [gateways]],
      ...(role === "dispatcher" ? [[[443], "anybody"]] : []), // the example's calls
    ]);
  });

  test("may do no more than it needs", () => {
    const image = readFileSync(join(root, "deploy/images/Dockerfile"), "utf8");
    const [, user, group] = /^USER (\d+):(\d+)$/m.exec(image) ?? [];
    expect(pod?.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: Number(user),
      runAsGroup: Number(group),
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(pod).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false });
    const secrets = container?.env?.filter(
      ({ value, name }) => /URL$|TOKEN$/.test(name) && !/PEER/.test(name) && value !== undefined,
    );
    expect(secrets).toEqual([]);
  });
});

/** Specs of a kind whose selector finds the pods of a deployment. */
function specsFor(
  kind: string,
  deployment: IDeployment,
  selector: "selector" | "podSelector",
): NonNullable<Manifest["spec"]>[] {
  const labels = deployment.spec?.template.metadata?.labels ?? {};
  return manifests
    .filter((one) => one.kind === kind)
    .flatMap(({ spec }) => (spec === undefined ? [] : [spec]))
    .filter(({ [selector]: by }) =>
      Object.entries((by as { matchLabels: Record<string, string> }).matchLabels).every(
        ([label, value]) => labels[label] === value,
      ),
    );
}

/** What policies let pass: through which ports, and from whom or to whom. */
function rulesOf(
  policies: readonly NonNullable<Manifest["spec"]>[],
  way: "ingress" | "egress",
  peers: "from" | "to",
): readonly unknown[] {
  const rules = policies.flatMap(({ [way]: those = [] }) => those as Record<string, unknown>[]);
  return rules.map(({ ports = [], [peers]: who = "anybody" }) => [
    (ports as { port: unknown }[]).map(({ port }) => port),
    who,
  ]);
}

function kustomizationOf(file: string): Kustomization {
  return parse(readFileSync(join(folder, file), "utf8")) as Kustomization;
}

function documentsIn(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(join(folder, file), "utf8")).map(
    (document) => document.toJS() as Manifest,
  );
}

function containerOf(deployment: IDeployment | undefined) {
  return deployment?.spec?.template.spec?.containers[0];
}

function roleOf(deployment: IDeployment | undefined): string {
  return containerOf(deployment)?.args?.[0] ?? "";
}

/** The settings that a pod of it would have. */
function configOf(role: string, ...layers: readonly (IDeployment | undefined)[]): Config {
  const given: Record<string, string> = {
    "log-url": "kafka://kafka:9092",
    "state-url": "redis://redis:6379",
    token: "0123456789abcdef",
    "status.podIP": "10.1.2.3",
  };
  const variables = layers.flatMap((layer) => containerOf(layer)?.env ?? []);
  const env: NodeJS.ProcessEnv = {};
  for (const { name, value, valueFrom } of variables) {
    const from = valueFrom?.secretKeyRef?.key ?? valueFrom?.fieldRef?.fieldPath ?? "";
    env[name] =
      value?.replaceAll(/\$\((\w+)\)/g, (_, other: string) => env[other] ?? "") ?? given[from];
  }
  delete env["MILLRACE_SECRETS"]; // a folder of the pod
  return loadConfig({ flags: {}, env, file: "none", role });
}

function selectorsIn(value: unknown): Record<string, string>[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    if (name === "namespaceSelector") return [];
    if (name === "matchLabels") return [inner as Record<string, string>];
    return selectorsIn(inner);
  });
}

function selectorsOfServices(): (string | undefined)[] {
  return manifests
    .filter(({ kind }) => kind === "Service")
    .map(
      ({ spec }) =>
        (spec?.["selector"] as Record<string, string> | undefined)?.["app.kubernetes.io/component"],
    );
}

/** Holds manifests to the types of Kubernetes. @returns what the compiler says */
function compile(all: readonly Manifest[]): string {
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const place = mkdtempSync(join(cache, "manifests-"));
  try {
    const lines = all.map((manifest, index) => {
      const known = `${manifest.kind === "ScaledObject" ? "@kubernetes-models/keda" : "kubernetes-models"}/${manifest.apiVersion}/${manifest.kind}`;
      return `import type { I${manifest.kind} as K${index} } from "${known}";\nexport const m${index}: K${index} = ${JSON.stringify(manifest, undefined, 1)};`;
    });
    writeFileSync(join(place, "manifests.ts"), lines.join("\n"));
    const options = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--ignoreConfig",
      "--module",
      "nodenext",
    ];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, ...options, "manifests.ts"], {
      cwd: place,
      encoding: "utf8",
    });
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  } finally {
    rmSync(place, { recursive: true });
  }
}
