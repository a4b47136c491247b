/**
 * The process that evaluates one flow module: its argument is the module's path. It prints what the
 * default export is as JSON, or what is wrong with it, and does nothing else.
 */
import { pathToFileURL } from "node:url";
import type { Evaluated } from "./evaluate.ts";

/** @returns where something stands that is no data, and what it is */
function foreignIn(value: unknown, path: string, above: readonly unknown[]): string | undefined {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  const where = path === "" ? "the default export" : path;
  if (typeof value === "number")
    return Number.isFinite(value) ? undefined : `${where} is ${value}, which JSON does not have`;
  if (typeof value !== "object") return `${where} is a ${typeof value}, and a flow is data`;
  if (above.includes(value)) return `${where} has itself in it`;
  const proto: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && proto !== Object.prototype && proto !== null)
    return `${where} is an object of a class, and a flow is data`;
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue; // JSON leaves it out
    const below = Array.isArray(value)
      ? `${path}[${name}]`
      : path === ""
        ? name
        : `${path}.${name}`;
    const foreign = foreignIn(member, below, [...above, value]);
    if (foreign !== undefined) return foreign;
  }
  return undefined;
}

async function evaluate(path: string): Promise<Evaluated> {
  try {
    const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
    if (!("default" in module)) return { kind: "helper" };
    const exported: unknown = module["default"];
    const fault = foreignIn(exported, "", []);
    if (fault !== undefined) return { kind: "fault", fault };
    return { kind: "flows", flows: Array.isArray(exported) ? exported : [exported] };
  } catch (error) {
    return { kind: "fault", fault: error instanceof Error ? error.message : String(error) };
  }
}

const text = JSON.stringify(await evaluate(process.argv[2] ?? ""));
// What the module has left open, or printed, is nobody's: the last line is the answer.
process.stdout.write(`\n${text}\n`, () => process.exit(0));
