import type { Import, SourceFile } from "./source-files.ts";

/** A direction in which imports must not point. Paths are from the root; packages by their names. */
export interface ImportRule {
  /** Files that the rule is for. */
  readonly from: RegExp;
  /** What they must not import. */
  readonly to: RegExp;
  /** What they may import all the same. */
  readonly except?: RegExp;
  /** Completes "… must not import … because …". */
  readonly because: string;
}

/**
 * Imports point one way (STYLE, section 3):
 *
 *     shared <- admit | runtime, dispatch | listen, ingest, deliver, api <- main
 *     shared/ports <- shared/adapters <- main; engine and gateway meet only in cli
 */
export const importRules: readonly ImportRule[] = [
  {
    from: /^packages\/shared\//,
    to: /^packages\/(?!shared\/)/,
    because: "shared is what the others agree on and knows none of them",
  },
  {
    from: /^packages\/engine\//,
    to: /^packages\/(gateway|cli)\//,
    because: "engine and gateway run apart; only cli composes them",
  },
  {
    from: /^packages\/gateway\//,
    to: /^packages\/(engine|cli)\//,
    because: "engine and gateway run apart; only cli composes them",
  },
  {
    from: /^packages\/shared\/src\/(?!adapters\/)/,
    to: /^packages\/shared\/src\/adapters\//,
    because: "an adapter is chosen in a main/ folder; all else knows its port",
  },
  {
    from: /^packages\/(engine|gateway)\/src\/(?!main\/)/,
    to: /^packages\/shared\/src\/adapters\//,
    because: "an adapter is chosen in a main/ folder; all else knows its port",
  },
  {
    from: /^packages\/shared\/src\/adapters\//,
    to: /^packages\/shared\/src\/(?!(adapters|ports|contract|errors|telemetry)\/)/,
    because: "an adapter moves bytes and takes no decision",
  },
  {
    from: /^packages\/(?!shared\/src\/adapters\/)/,
    to: /^(kafkajs|ioredis|lmdb|undici)(\/|$)/,
    because: "a server's client is used behind a port, in shared/adapters",
  },
  {
    from: /^packages\/shared\/src\/contract\//,
    to: /^packages\/shared\/src\/(core|policy|ports|adapters)\//,
    because: "the contract says what a record is, not what is done with it",
  },
  {
    from: /^packages\/shared\/src\/(core|policy|flow)\//,
    to: /^node:/,
    except: /^node:crypto$/,
    because: "it is pure: the same input gives the same answer, in a browser too",
  },
  {
    from: /^packages\/shared\/src\/(core|policy)\//,
    to: /^node:crypto$/,
    because: "it is pure; only a flow's loader hashes",
  },
  {
    from: /^packages\/(engine|gateway)\/src\/(?!main\/)/,
    to: /^packages\/(engine|gateway)\/src\/main\//,
    because: "main/ wires the rest and is imported by nobody but cli",
  },
  {
    from: /^packages\/gateway\/src\/admit\//,
    to: /^packages\/gateway\/src\/(listen|ingest|deliver|api|main)\//,
    because: "admission is pure and works on facts that are handed in",
  },
];

/** @returns a sentence for every import that points the wrong way */
export function brokenRules(
  files: readonly SourceFile[],
  rules: readonly ImportRule[],
): readonly string[] {
  return files.flatMap((file) =>
    file.imports.flatMap((each) => {
      const broken = rules.filter((rule) => breaks(file, each, rule));
      return broken.map(
        (rule) => `${file.path} must not import "${each.specifier}" because ${rule.because}`,
      );
    }),
  );
}

function breaks(file: SourceFile, { target }: Import, rule: ImportRule): boolean {
  return rule.from.test(file.path) && rule.to.test(target) && !rule.except?.test(target);
}
