import type {
  MigratedState,
  MigrationPage,
  MigrationRequest,
} from "@millrace/gateway/api/operations";
import { COUNTED_PAGE, holdTo } from "@millrace/gateway/api/bulk";
import { invalid, notFound } from "@millrace/gateway/api/problem";
import { type Instance, isEnded } from "@millrace/shared/contract/instance";
import { mapState } from "@millrace/shared/core/migration";
import { nodeAt } from "@millrace/shared/core/state-nodes";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Flow } from "@millrace/shared/flow/flow";
import type { InstancePage, InstanceQuery } from "@millrace/shared/ports/state-store";

interface MigrationParts {
  readonly catalogue: Catalogue;
  instances(query: InstanceQuery): Promise<InstancePage>;
  /** Resolves when the log has it. */
  say(instance: Instance, to: Flow): Promise<unknown>;
}

/**
 * Counts a page of instances by what would become of them, and moves those that can be moved.
 *
 * @throws OperationalError API-002 where there are more of them than `max` from here on, before any is moved
 */
export async function migratePage(
  parts: MigrationParts,
  request: MigrationRequest,
): Promise<MigrationPage> {
  const { catalogue, instances, say } = parts;
  const { ns, name, from, to, map, preview, max, cursor, limit } = request;
  const target = versionOf(catalogue, ns, name, to);
  const source = from === undefined ? undefined : versionOf(catalogue, ns, name, from);
  for (const [was, state] of Object.entries(map)) {
    if (nodeAt(target, state) === undefined)
      throw invalid(`map.${was}`, `version ${target.version} has no state ${state}`);
  }
  const query = { ns, flow: name, limit, ...(cursor !== undefined && { cursor }) };
  const { items, next } = await instances(query);
  const wanted = items.filter(
    (instance) =>
      !isEnded(instance) &&
      instance.version !== target.version &&
      (source === undefined || instance.version === source.version),
  );
  const states = new Map<string, MigratedState>();
  const movable = wanted.filter((instance) => {
    const mapped = mapState(target, instance.state, map);
    const becomes = "state" in mapped ? { becomes: mapped.state } : {};
    const place = JSON.stringify(instance.state);
    const count = (states.get(place)?.count ?? 0) + 1;
    states.set(place, { state: instance.state, ...becomes, count });
    return "state" in mapped;
  });
  const page = {
    to: target.version,
    count: movable.length,
    states: [...states.values()],
    ...(next !== undefined && { next }),
  };
  if (preview) return page;
  await holdTo(max, page, (later) =>
    migratePage(parts, { ...request, preview: true, cursor: later, limit: COUNTED_PAGE }),
  );
  await Promise.all(movable.map((instance) => say(instance, target)));
  return page;
}

/** @throws OperationalError API-001 */
function versionOf(catalogue: Catalogue, ns: string, name: string, version?: string): Flow {
  if (catalogue.entry(ns, name) === undefined) throw notFound(`flow ${name} in namespace ${ns}`);
  if (version === undefined) {
    const current = catalogue.current(ns, name);
    if (current === undefined)
      throw invalid("to", `${name} is retired: say to which version they are to go`);
    return current;
  }
  const found = catalogue.versionsOf(ns, name).filter((one) => one.version.startsWith(version));
  const [flow] = found;
  if (flow === undefined || found.length > 1)
    throw notFound(`version ${version} of flow ${name} in namespace ${ns}`);
  return flow;
}
