import * as z from "zod";
import type { Bindings } from "../contract/instance.ts";
import { isJsonObject, type Json } from "../contract/json.ts";
import { DEFAULT_NAMESPACE, NAME_BYTES_MAX, nameFault } from "../contract/names.ts";
import { didYouMean, type Fault, Faults, type PlacedFault } from "./fault.ts";
import type { Flow } from "./flow.ts";
import { nameOf } from "./schema.ts";
import { noteOf, report } from "./shape-faults.ts";

/** A deployment as it is written: which thing has which role of a flow. The JSON Schema is made from it. */
const deploymentSchema = z.strictObject({
  $schema: z.string().optional(),
  deployment: nameOf("a deployment"),
  namespace: nameOf("a namespace").optional(),
  flow: nameOf("a flow"),
  things: z
    .record(
      z.string(),
      z
        .string()
        .superRefine((thing, context) => {
          const fault = nameFault(thing);
          if (fault === undefined) return;
          context.addIssue({ code: "custom", message: `the name of a thing ${fault}` });
        })
        .meta({ minLength: 1, maxLength: NAME_BYTES_MAX }),
    )
    .meta({ description: "The thing that has each of the flow's roles" }),
  description: z.string().optional(),
});

/** The JSON Schema of a deployment file, for editors. */
export function deploymentJsonSchema(): object {
  return z.toJSONSchema(deploymentSchema, { io: "input", unrepresentable: "any" });
}

/** A deployment that is good in itself. */
export interface WrittenDeployment {
  readonly ns: string;
  readonly name: string;
  readonly flow: string;
  readonly things: Bindings;
  /** Tells a fault with its place in the file. */
  readonly placed: (fault: Fault) => PlacedFault;
}

/** Whether a document is meant to be a deployment, and not a flow. */
export function isDeployment(value: Json | undefined): value is Json {
  return (
    isJsonObject(value) && ("deployment" in value || ("things" in value && !("machine" in value)))
  );
}

/** @returns undefined when `faults` has an error */
export function readDeployment(
  value: Json,
  faults: Faults,
): Omit<WrittenDeployment, "placed"> | undefined {
  const parsed = deploymentSchema.safeParse(value, { error: noteOf });
  if (!parsed.success) {
    for (const issue of parsed.error.issues) report(issue, [], value, faults);
    return undefined;
  }
  const { deployment: name, namespace: ns = DEFAULT_NAMESPACE, flow, things } = parsed.data;
  return { ns, name, flow, things };
}

export interface CheckedDeployments {
  readonly good: readonly WrittenDeployment[];
  readonly faults: readonly PlacedFault[];
}

/**
 * Holds deployments against each other and against the flows that they name.
 *
 * @param flowOf undefined for a flow that is not known: it may come later
 */
export function checkDeployments(
  written: readonly WrittenDeployment[],
  flowOf: (ns: string, name: string) => Flow | undefined,
): CheckedDeployments {
  const byName = new Map<string, WrittenDeployment>();
  const told: PlacedFault[] = [];
  for (const one of written) {
    const faults = new Faults();
    const twin = byName.get(`${one.ns}/${one.name}`);
    if (twin !== undefined) {
      const { file, line } = twin.placed({ ...nameless, path: ["deployment"] });
      const message = `there is a deployment \`${one.name}\` already (${file}:${line})`;
      faults.error("duplicate-deployment", ["deployment"], message);
    }
    checkBindings(one, flowOf(one.ns, one.flow), faults);
    told.push(...faults.all.map(one.placed));
    if (!faults.failed) byName.set(`${one.ns}/${one.name}`, one);
  }
  return { good: [...byName.values()], faults: told };
}

/** A fault that is only asked where it would stand. */
const nameless = { code: "duplicate-deployment", severity: "error", message: "" } as const;

function checkBindings(
  { flow: name, things }: WrittenDeployment,
  flow: Flow | undefined,
  faults: Faults,
): void {
  if (flow === undefined) {
    const message = `there is no flow \`${name}\` beside it; it takes effect when the flow comes`;
    return faults.warn("unknown-flow", ["flow"], message);
  }
  const { roles } = flow;
  if (roles === undefined) {
    const message = `the flow \`${name}\` declares no \`roles\`: its instances begin by their keys`;
    return faults.error("unknown-role", ["flow"], message);
  }
  for (const role of Object.keys(things)) {
    if (roles.has(role)) continue;
    const message = `the flow \`${name}\` has no role \`${role}\`${didYouMean(role, roles)}`;
    faults.error("unknown-role", ["things", role], message);
  }
  for (const role of roles) {
    if (Object.hasOwn(things, role)) continue;
    const message = `\`${role}\` is missing: every role of \`${name}\` is bound to a thing`;
    faults.error("missing-member", ["things"], message);
  }
}
