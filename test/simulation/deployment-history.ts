import type { Bindings } from "@millrace/shared/contract/instance";

/** How late a process may learn what the registry says: as long as it sleeps, and a little longer. */
const LAG_MS_MAX = 25_000;

type Bound = Bindings | undefined;

/** What the registry has said of deployments, and when. */
export class DeploymentHistory {
  readonly #changes = new Map<string, { readonly at: number; readonly things: Bound }[]>();

  get names(): Iterable<string> {
    return this.#changes.keys();
  }

  /** @param things undefined where the deployment is gone */
  add(at: number, name: string, things: Bound): void {
    const before = this.#changes.get(name) ?? [];
    this.#changes.set(name, [...before, { at, things }]);
  }

  /** All that a process may hold for the bindings of a deployment from one time to another. */
  heldBetween(name: string, from: number, to: number): readonly Bound[] {
    const changes = this.#changes.get(name) ?? [];
    const inForce = changes.filter(({ at }) => at <= from - LAG_MS_MAX).slice(-1);
    const since = changes.filter(({ at }) => at > from - LAG_MS_MAX && at <= to);
    const atFirst = inForce.length === 0 && (since[0]?.at ?? 0) > Date.UTC(2026, 0, 1);
    return [...(atFirst ? [undefined] : []), ...[...inForce, ...since].map(({ things }) => things)];
  }
}
