import { execFile } from "node:child_process";
import { extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { OperationalError } from "@millrace/shared/errors/operational";

/** What a module comes to. */
export type Evaluated =
  | { readonly kind: "flows"; readonly flows: readonly unknown[] }
  /** It has no default export: other modules import it. */
  | { readonly kind: "helper" }
  | { readonly kind: "fault"; readonly fault: string };

/** How long a module may take, and what it may hold. */
const EVALUATION_MS_MAX = 5_000;
const HEAP_MIB_MAX = 128;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

const child = fileURLToPath(new URL(`./child${extname(import.meta.url)}`, import.meta.url));

/** Whether a file is a flow module. */
export function isModule(file: string): boolean {
  return /\.(ts|mts|mjs)$/.test(file) && !/\.d\.m?ts$/.test(file);
}

/**
 * Evaluates a flow module, in a process of its own: it has no environment, may read files, and may write
 * none and start nothing.
 *
 * @returns its flows as YAML documents, a line each; nothing for a module without a default export
 * @throws OperationalError FLOW-004 for one that throws, takes too long, or exports what is no data
 */
export async function evaluateModule(file: string, msMax = EVALUATION_MS_MAX): Promise<string> {
  const args = [
    "--permission",
    "--allow-fs-read=*",
    "--no-warnings",
    `--max-old-space-size=${HEAP_MIB_MAX}`,
    child,
    resolve(file),
  ];
  const options = {
    timeout: msMax,
    killSignal: "SIGKILL",
    env: {},
    maxBuffer: OUTPUT_BYTES_MAX,
  } as const;
  let output: string;
  try {
    output = (await promisify(execFile)(process.execPath, args, options)).stdout;
  } catch (error) {
    const { killed, stderr = "" } = error as { killed?: boolean; stderr?: string };
    const last = stderr.trim().split("\n").at(-1) ?? "";
    throw noFlow(file, killed === true ? `it takes longer than ${msMax} ms` : `it ended: ${last}`);
  }
  const evaluated = answerIn(output);
  if (evaluated === undefined) throw noFlow(file, "it ended before it had a flow");
  if (evaluated.kind === "fault") throw noFlow(file, evaluated.fault);
  if (evaluated.kind === "helper") return "";
  return evaluated.flows.map((flow) => `--- ${JSON.stringify(flow)}`).join("\n");
}

/** The last line is the answer; what the module printed stands before it. */
function answerIn(output: string): Evaluated | undefined {
  try {
    return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as Evaluated;
  } catch {
    return undefined;
  }
}

function noFlow(file: string, cause: string): OperationalError<"FLOW-004"> {
  return new OperationalError("FLOW-004", { file, cause }, `${file}: ${cause}`);
}
