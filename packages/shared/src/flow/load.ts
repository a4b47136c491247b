import type { Json } from "../contract/json.ts";
import { type Fault, type FaultCode, Faults, writePath } from "./fault.ts";
import { compileFlow, type Flow } from "./flow.ts";
import type { FlowFile } from "./schema.ts";
import { checkShape } from "./shape.ts";
import { readSource, type Source } from "./source.ts";

/** A fault as it is told: with its place in the file. */
export interface PlacedFault extends Omit<Fault, "path" | "place" | "also"> {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `machine.states.lit.on.motion[0].guard` */
  readonly path: string;
}

export interface LoadedFlow {
  /** undefined when there is an error among the faults. */
  readonly flow: Flow | undefined;
  readonly faults: readonly PlacedFault[];
}

/** Reads and checks one flow file; every fault of it is reported at once. */
export function loadFlow(text: string, file: string): LoadedFlow {
  const faults = new Faults();
  const source = readSource(text, faults);
  const shape = source.value === undefined ? undefined : checkShape(source.value, faults);
  const flow = shape === undefined ? undefined : compileFlow(shape.file, faults);
  const told = shape?.whole === false ? faults.all.filter(isOfItself) : faults.all;
  return {
    flow: shape?.whole === true ? flow : undefined,
    faults: told
      .map((fault) => placed(fault, file, source))
      .sort((a, b) => a.line - b.line || a.column - b.column),
  };
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
