import type {
  FlowDetail,
  FlowInfo,
  FlowVersion,
  Operations,
  PublishedFlow,
} from "@millrace/gateway/api/operations";
import type { JsonObject } from "@millrace/shared/contract/json";
import type { RegistryRecord } from "@millrace/shared/contract/registry-record";
import { OperationalError } from "@millrace/shared/errors/operational";
import { API_ORIGIN, type CatalogueEntry } from "@millrace/shared/flow/catalogue";
import type { Flow } from "@millrace/shared/flow/flow";
import type { PlacedFault } from "@millrace/shared/flow/fault";
import { loadFile } from "@millrace/shared/flow/load";
import type { Installation } from "./installation.ts";

type FlowOperations = Pick<
  Operations,
  "flows" | "flow" | "flowVersion" | "publishFlows" | "retireFlow"
>;

/** What is asked of the registry's flows, and how they come to it by the API. */
export function flowOperationsOf({ catalogue, registry }: Installation): FlowOperations {
  const refuseFolders = ({ ns, name }: { readonly ns: string; readonly name: string }): void => {
    const entry = catalogue.entry(ns, name);
    if (entry === undefined || entry.retired || entry.origin === API_ORIGIN) return;
    throw fromFolder(name, entry.origin);
  };
  return {
    flows: () => catalogue.entries().map(flowInfo),
    flow(ns, name) {
      const entry = catalogue.entry(ns, name);
      return entry && flowDetail(entry, catalogue.versionsOf(ns, name));
    },
    flowVersion(ns, name, version) {
      const found = catalogue.versionsOf(ns, name).filter((one) => one.version.startsWith(version));
      return found.length === 1 && found[0] !== undefined ? flowVersion(found[0]) : undefined;
    },
    async publishFlows(text, file) {
      const flows = goodFlows(text, file);
      for (const flow of flows) refuseFolders(flow);
      const published = flows.map((flow): PublishedFlow => {
        const { ns, name, version } = flow;
        const before = catalogue.current(ns, name)?.version;
        return { namespace: ns, name, version, ...(before !== undefined && { before }) };
      });
      const changed = flows.filter(
        ({ ns, name, version }) => catalogue.current(ns, name)?.version !== version,
      );
      const records = changed.map(({ ns, name, version, file: written }) => {
        const of = { ns, name, version, file: written, origin: API_ORIGIN };
        return { v: 1, kind: "flow", ...of } as RegistryRecord;
      });
      if (records.length > 0) await registry.publish(...records);
      return published;
    },
    async retireFlow(ns, name) {
      const entry = catalogue.entry(ns, name);
      if (entry === undefined) return undefined;
      refuseFolders({ ns, name });
      const record = { v: 1, kind: "retired", ns, name, origin: API_ORIGIN } as const;
      if (!entry.retired) await registry.publish(record);
      return flowInfo({ ...entry, retired: true });
    },
  };
}

/** @throws OperationalError FLOW-002 where anything in the text is not good */
function goodFlows(text: string, file: string): readonly Flow[] {
  const { flows, deployments, faults, faulty } = loadFile(text, file);
  const misplaced = deployments.map(({ name, placed }) =>
    placed({
      code: "unsupported",
      severity: "error",
      path: [],
      message: `the deployment ${name} is published by a folder of flows, not here`,
    }),
  );
  const seen = new Set<string>();
  const twice = flows.find((flow) => seen.size === seen.add(`${flow.ns}/${flow.name}`).size);
  if (faulty === 0 && misplaced.length === 0 && flows.length > 0 && twice === undefined)
    return flows;
  if (faulty > 0 || misplaced.length > 0) throw faultsOf([...faults, ...misplaced]);
  const said = twice === undefined ? "has no flow" : `has the flow ${twice.name} twice`;
  const place = { line: 1, column: 1, path: "" };
  throw faultsOf([{ severity: "error", code: "syntax", file, ...place, message: said }]);
}

function faultsOf(faults: readonly PlacedFault[]): OperationalError<"FLOW-002"> {
  const [first] = faults.filter(({ severity }) => severity === "error");
  const where = first === undefined ? "" : `${first.file}:${first.line}:${first.column} `;
  const more = faults.length === 1 ? "" : `, and ${faults.length - 1} more`;
  return new OperationalError("FLOW-002", { faults }, `${where}${first?.message}${more}`);
}

function fromFolder(flow: string, origin: string): OperationalError<"FLOW-003"> {
  const said = `${flow} comes from the folder ${origin}; change its file there`;
  return new OperationalError("FLOW-003", { flow, origin }, said);
}

function flowVersion({ ns, name, version, file }: Flow): FlowVersion {
  return { namespace: ns, name, version, file: file as JsonObject };
}

function flowDetail(entry: CatalogueEntry, versions: readonly Flow[]): FlowDetail {
  return {
    ...flowInfo(entry),
    file: entry.flow.file as JsonObject,
    versions: versions.map((flow) => ({
      version: flow.version,
      current: flow === entry.flow && !entry.retired,
    })),
  };
}

function flowInfo({ flow, origin, retired }: CatalogueEntry): FlowInfo {
  const { ns, name, version, file, roles } = flow;
  const listed = (entries: Record<string, { topic: string }> | undefined) =>
    Object.entries(entries ?? {}).map(([entry, { topic }]) => ({ name: entry, topic }));
  return {
    namespace: ns,
    name,
    version,
    ...(file.description !== undefined && { description: file.description }),
    origin,
    retired,
    ...(roles !== undefined && { roles: [...roles] }),
    inputs: listed(file.inputs),
    commands: listed(file.commands),
  };
}
