import type { Json } from "../contract/json.ts";
import { isDeployment, readDeployment, type WrittenDeployment } from "./deployment-file.ts";
import { type Fault, type FaultCode, Faults, type PlacedFault, writePath } from "./fault.ts";
import { compileFlow, type Flow } from "./flow.ts";
import type { FlowFile } from "./schema.ts";
import { checkShape } from "./shape.ts";
import { readSources, type Source } from "./source.ts";

/** What stands in a file that is good, and all that is wrong with the rest of it. */
export interface LoadedFile {
  readonly flows: readonly Flow[];
  /** They are good in themselves; what their flows say of them is checked with all files at hand. */
  readonly deployments: readonly WrittenDeployment[];
  /** Documents with an error. */
  readonly faulty: number;
  readonly faults: readonly PlacedFault[];
}

/** Reads and checks one file; every fault of it is reported at once. */
export function loadFile(text: string, file: string): LoadedFile {
  const flows: Flow[] = [];
  const deployments: WrittenDeployment[] = [];
  const faults: PlacedFault[] = [];
  let faulty = 0;
  for (const source of readSources(text)) {
    const place = (fault: Fault): PlacedFault => placed(fault, file, source);
    const { value } = source;
    if (isDeployment(value)) {
      const read = readDeployment(value, source.faults);
      if (read !== undefined) deployments.push({ ...read, placed: place });
      faults.push(...source.faults.all.map(place));
    } else {
      const shape = value === undefined ? undefined : checkShape(value, source.faults);
      const flow = shape === undefined ? undefined : compileFlow(shape.file, source.faults);
      const { all } = source.faults;
      const told = shape?.whole === false ? all.filter(isOfItself) : all;
      if (flow !== undefined && shape?.whole === true) flows.push(flow);
      faults.push(...told.map(place));
    }
    if (source.faults.failed) faulty += 1;
  }
  return { flows, deployments, faulty, faults: faults.sort(byPlace) };
}

/** A file with one flow in it. */
export interface LoadedFlow {
  /** undefined when there is an error among the faults. */
  readonly flow: Flow | undefined;
  readonly faults: readonly PlacedFault[];
}

export function loadFlow(text: string, file: string): LoadedFlow {
  const { flows, faults } = loadFile(text, file);
  return { flow: flows[0], faults };
}

/** In the order of the file. */
function byPlace(a: PlacedFault, b: PlacedFault): number {
  return a.line - b.line || a.column - b.column;
}

function placed(fault: Fault, file: string, source: Source): PlacedFault {
  const { path, place, also, message, ...rest } = fault;
  const there = also === undefined ? "" : ` (line ${source.locate(also).line})`;
  return {
    file,
    ...(place ?? source.locate(path)),
    path: writePath(path),
    message: message + there,
    ...rest,
  };
}

/** Whether a fault would be there as well if the members that do not fit had not been left out. */
function isOfItself(fault: Fault): boolean {
  return !dependent.has(fault.code);
}

const dependent: ReadonlySet<FaultCode> = new Set([
  "unreachable-state",
  "unknown-command",
  "unknown-input",
  "unknown-role",
  "never-heard",
  "never-used",
  "missing-initial",
  "xstate",
]);

/** Compiles a flow that was checked before it was published. @throws Error when it no longer compiles */
export function compilePublished(file: Json): Flow {
  const faults = new Faults();
  const flow = compileFlow(file as FlowFile, faults, { published: true });
  if (flow !== undefined) return flow;
  const first = faults.all.find((fault) => fault.severity === "error");
  throw new Error(`${writePath(first?.path ?? [])}: ${first?.message}`);
}

/** `examples/motion-light.yaml:12:5 error machine.states.lit: …` */
export function writeFault(fault: PlacedFault): string {
  const where = `${fault.file}:${fault.line}:${fault.column}`;
  const at = fault.path === "" ? "" : ` ${fault.path}:`;
  return `${where} ${fault.severity}${at} ${fault.message} [${fault.code}]`;
}
