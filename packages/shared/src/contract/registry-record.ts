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

const registryRecord = z.discriminatedUnion("kind", [logRecord, flowRecord, retiredRecord]);

export type RegistryRecord = z.infer<typeof registryRecord>;

/** @returns undefined for a record that no version of ours wrote; never throws */
export function parseRegistryRecord(value: Buffer | null): RegistryRecord | undefined {
  const parsed = registryRecord.safeParse(parseHeader(value?.toString("utf8")));
  return parsed.success ? parsed.data : undefined;
}
