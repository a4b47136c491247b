import type { Bindings } from "@millrace/shared/contract/instance";
import type { InstanceRef } from "@millrace/shared/contract/names";
import { bareThing, type Limits, type World } from "@millrace/shared/core/world";
import type { Catalogue } from "@millrace/shared/flow/catalogue";
import type { Authorize } from "@millrace/shared/policy/authorize";

/** What decisions look at: the flows and deployments that a catalogue has, and what is allowed. */
export function worldOf(catalogue: Catalogue, authorize: Authorize, limits: Limits): World {
  return {
    flow: (version) => catalogue.version(version),
    current: (ns, flow) => catalogue.current(ns, flow),
    bindings: (of) => boundIn(catalogue, of),
    thing: (_ns, name) => bareThing(name),
    authorize,
    limits,
  };
}

/** The bindings of the deployment that an instance is one of. */
function boundIn({ deployments }: Catalogue, { ns, flow, key }: InstanceRef): Bindings | undefined {
  const deployment = deployments.get(ns, key);
  return deployment?.flow === flow ? deployment.things : undefined;
}
