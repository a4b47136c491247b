import type { Instance } from "@millrace/shared/contract/instance";
import type { Deliveries } from "./deliveries.ts";
import type { EngineHost } from "./engine-host.ts";

/**
 * Reads the registry where instances run, or are to be moved to, a version that this process does not
 * know: it was published before, and this process has not read so far yet.
 */
export async function learnVersions(
  host: EngineHost,
  loaded: readonly Instance[],
  deliveries: readonly Deliveries[],
): Promise<void> {
  const isUnknown = (version: string): boolean => host.catalogue.version(version) === undefined;
  const waiting = loaded.filter(({ version }) => isUnknown(version));
  if (waiting.length === 0 && !targetsOf(deliveries).some(isUnknown)) return;
  await host.registryRead();
  for (const instance of waiting) host.checkVersion(instance);
}

/** The versions that instances are to be moved to. */
function targetsOf(deliveries: readonly Deliveries[]): string[] {
  return deliveries
    .filter(({ header }) => header?.kind === "operator" && header.action === "migrate")
    .flatMap((one) => one.deliveries)
    .flatMap((one) => ("input" in one && one.input.kind === "operator" ? [one.input.payload] : []))
    .flatMap(({ to }) => (typeof to === "string" ? [to] : []));
}
