/** Kinds of faults that the loader finds; docs/flows.md lists each with an example. */
export type FaultCode =
  | "syntax"
  | "unknown-member"
  | "missing-member"
  | "wrong-value"
  | "unsupported"
  | "expression"
  | "duration"
  | "topic"
  | "event-type"
  | "reserved"
  | "unknown-input"
  | "unknown-command"
  | "unknown-role"
  | "unknown-flow"
  | "duplicate-deployment"
  | "unknown-target"
  | "wrong-target"
  | "missing-initial"
  | "duplicate-id"
  | "unreachable-state"
  | "always-cycle"
  | "schema"
  | "never-heard"
  | "never-used"
  | "overlapping-inputs"
  | "too-large"
  | "xstate";

/** A place in a flow file: members and indexes from the top. */
export type Path = readonly (string | number)[];

/** Something wrong with a flow file: where, what, and what to do. */
export interface Fault {
  readonly code: FaultCode;
  /** A warning does not keep the flow from running. */
  readonly severity: "error" | "warning";
  readonly path: Path;
  /** Another place that it is about; its line is told, too. */
  readonly also?: Path;
  /** Where it stands in the text, for a file too broken to have paths. */
  readonly place?: Place;
  readonly message: string;
}

/** A fault as it is told: with its place in the file. */
export interface PlacedFault extends Omit<Fault, "path" | "place" | "also"> {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `machine.states.lit.on.motion[0].guard` */
  readonly path: string;
}

/** From 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

const FAULTS_MAX = 500;

/** Gathers faults, so that all of them are told at once. */
export class Faults {
  readonly all: Fault[] = [];
  #more = false;

  error(code: FaultCode, path: Path, message: string): void {
    this.#add({ code, severity: "error", path, message });
  }

  syntax(message: string, place: Place = { line: 1, column: 1 }): void {
    this.#add({ code: "syntax", severity: "error", path: [], place, message });
  }

  warn(code: FaultCode, path: Path, message: string, also?: Path): void {
    this.#add({ code, severity: "warning", path, message, ...(also && { also }) });
  }

  /** Who has so many to mend does not read them all; an error is an error all the same. */
  #add(fault: Fault): void {
    if (this.all.length < FAULTS_MAX) this.all.push(fault);
    else if (fault.severity === "error") this.#more = true;
  }

  get failed(): boolean {
    return this.#more || this.all.some((fault) => fault.severity === "error");
  }
}

/** `machine.states.lit.on.motion[0].guard` */
export function writePath(path: Path): string {
  return path
    .map((part, i) => {
      if (typeof part === "number") return `[${part}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(part)) return `["${part}"]`;
      return i === 0 ? part : `.${part}`;
    })
    .join("");
}

/** How many known names one is held against, and how long they may be: to compare takes both lengths. */
const CANDIDATES_MAX = 200;
const COMPARED_CHARACTERS_MAX = 64;

/** The known name nearest to a mistyped one, if one is near. */
export function nearest(
  name: string,
  known: Iterable<string>,
  distanceMax = Math.max(2, Math.floor(name.length / 3)),
): string | undefined {
  let best: string | undefined;
  let least = distanceMax + 1;
  let left = CANDIDATES_MAX;
  for (const candidate of known) {
    if (left-- === 0) break;
    if (Math.max(name.length, candidate.length) > COMPARED_CHARACTERS_MAX) continue;
    if (Math.abs(name.length - candidate.length) >= least) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  return near === undefined ? "" : ` (did you mean \`${near}\`?)`;
}
