import { Bug } from "@millrace/shared/errors/assert";
import { Catalogue } from "@millrace/shared/flow/catalogue";
import { compileOnce } from "./flows.ts";
import type { Scheduler } from "./scheduler.ts";

const ASKED_AT_ONCE_MAX = 1_000;

/**
 * A catalogue that every turn of a tenure asks how far it is. A turn that begins anew without waiting
 * for anything would stop all time: it is told so.
 */
export class WatchedCatalogue extends Catalogue {
  readonly #scheduler: Scheduler;
  #asked = 0;
  #askedAt = 0;

  constructor(
    scheduler: Scheduler,
    partitions: number,
    onFault: (name: string, why: string) => void,
  ) {
    super(partitions, onFault, compileOnce);
    this.#scheduler = scheduler;
  }

  override get offset(): number {
    const { ran } = this.#scheduler;
    this.#asked = ran === this.#askedAt ? this.#asked + 1 : 0;
    this.#askedAt = ran;
    if (this.#asked > ASKED_AT_ONCE_MAX) throw new Bug("a turn has no end");
    return super.offset;
  }
}
