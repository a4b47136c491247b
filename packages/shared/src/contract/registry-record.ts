import * as z from "zod";
import { parseHeader } from "./header.ts";

/**
 * Records of the `registry` topic: what all processes agree on. Never compacted; a removal is a value.
 *
 * The first `log` record is the identity of the installation: another id, or another count of
 * partitions than the topics have, means another log.
 */
const logRecord = z.object({
  v: z.literal(1),
  kind: z.literal("log"),
  id: z.string().min(1),
  partitions: z.int().positive(),
});

/** A checked flow, by its content. The latest record of a name says what new instances run. */
const flowRecord = z.object({
  v: z.literal(1),
  kind: z.literal("flow"),
  ns: z.string().min(1),
  name: z.string().min(1),
  version: z.string().min(1),
  file: z.json(),
  /** The folder it came from, as the process that published it was given it. */
  origin: z.string(),
});

/** No new instances of this flow begin; running ones go on with the version they have. */
const retiredRecord = z.object({
  v: z.literal(1),
  kind: z.literal("retired"),
  ns: z.string().min(1),
  name: z.string().min(1),
  origin: z.string(),
});

/** A flow bound to things. The latest record of a name is in force. */
const deploymentRecord = z.object({
  v: z.literal(1),
  kind: z.literal("deployment"),
  ns: z.string().min(1),
  name: z.string().min(1),
  flow: z.string().min(1),
  /** Names of things by roles. */
  things: z.record(z.string(), z.string().min(1)),
  /** The folder it came from. */
  origin: z.string(),
});

/** The deployment takes no more events; its instance stays as it is. */
const undeployedRecord = z.object({
  v: z.literal(1),
  kind: z.literal("undeployed"),
  ns: z.string().min(1),
  name: z.string().min(1),
  origin: z.string(),
});

const registryRecord = z.discriminatedUnion("kind", [
  logRecord,
  flowRecord,
  retiredRecord,
  deploymentRecord,
  undeployedRecord,
]);

export type RegistryRecord = z.infer<typeof registryRecord>;

/** @returns undefined for a record that no version of ours wrote; never throws */
export function parseRegistryRecord(value: Buffer | null): RegistryRecord | undefined {
  const parsed = registryRecord.safeParse(parseHeader(value?.toString("utf8")));
  return parsed.success ? parsed.data : undefined;
}
