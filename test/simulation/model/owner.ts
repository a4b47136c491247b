import { startBookmark, type Bookmark } from "@millrace/shared/contract/reader";
import { blankFold, bookmarkAt, Fold, type Folded } from "./fold.ts";
import { findFloor } from "./floors.ts";
import type { Partition, Shared } from "./partition.ts";
import type { Pass } from "./pass.ts";
import type { JournalRecord } from "./records.ts";
import { Tenure } from "./tenure.ts";

interface Claim {
  readonly offset: number;
  readonly epoch: number;
  /** The operator asked for a rebuild: what the store holds does not matter. */
  readonly rebuild: boolean;
}

interface Folding {
  fold: Fold;
  /** What the store holds. */
  held: Bookmark;
}

/** One of two workers that own a partition in turn, or both believe that they do. */
export class Owner {
  readonly #name: string;
  readonly #partition: Partition;
  readonly #shared: Shared;
  #claim: Claim | undefined;
  #folding: Folding | undefined;
  #tenure: Tenure | undefined;
  /** Only where a new owner goes on with a pass of the old one. */
  #keptPass: Pass | undefined;

  constructor(name: string, partition: Partition, shared: Shared) {
    this.#name = name;
    this.#partition = partition;
    this.#shared = shared;
  }

  get tenure(): Tenure | undefined {
    return this.#tenure;
  }

  get isFolding(): boolean {
    return this.#claim !== undefined;
  }

  /** Crashes, or is told that it is not the owner any more. */
  end(why: string): void {
    if (this.#claim === undefined && this.#tenure === undefined) return;
    this.#note(() => `ends: ${why}`);
    if (!this.#shared.rules.passDiesWithTenure) this.#keptPass = this.#tenure?.pass;
    this.#claim = undefined;
    this.#folding = undefined;
    this.#tenure = undefined;
  }

  claim(rebuild: boolean): void {
    this.end("claims anew");
    const { store } = this.#partition;
    const { rules, random } = this.#shared;
    const counted = rules.epoch === "count of the store" ? store.now.epoch + 1 : undefined;
    if (counted !== undefined) store.claim(counted);
    const of = counted === undefined ? {} : { e: counted };
    const record: JournalRecord = { v: 1, kind: "claim", n: 0, ...of };
    if (this.#shared.faulty() && random.chance(0.1)) this.#partition.lateAppends.push([record]);
    const offset = this.#partition.append([record]);
    this.#claim = { offset, epoch: counted ?? offset, rebuild };
    this.#note(() => `claims at ${offset}${rebuild ? " for a rebuild" : ""}`);
  }

  /** Folds some more records, and lets the store catch up. @param records at most this many */
  fold(records: number): void {
    const claim = this.#claim;
    if (claim === undefined) return;
    this.#folding ??= this.#begin(claim);
    if (this.#folding === undefined || !this.#isInLog(claim, this.#folding)) return;
    const { fold } = this.#folding;
    const { journal, store } = this.#partition;
    const until = Math.min(fold.bookmark.offset + records, claim.offset + 1);
    for (let at = fold.bookmark.offset; at < until; at++) {
      fold.take(at, journal.at(at) as JournalRecord);
    }
    const instances = fold.drain();
    const isDone = fold.bookmark.offset > claim.offset;
    if (instances.size > 0 || !isDone || store.isBeingRebuilt) {
      if (!this.#catchUp(claim, this.#folding, instances)) return this.end("its commit is refused");
    }
    if (isDone) this.#open(claim, this.#folding);
  }

  #begin({ offset, epoch, rebuild }: Claim): Folding | undefined {
    const { store, journal } = this.#partition;
    const { rules } = this.#shared;
    if (!store.claim(epoch)) return this.#give("the store knows a newer claim");
    const held = store.now.bookmark;
    if (held.offset > offset + 1) {
      if (this.#partition.isNewestClaim(offset))
        this.#partition.fail("the store is ahead of the journal");
      return this.#give("the store is ahead of it");
    }
    const isIntact = held.offset >= journal.start || rules.belowStart === "go on at the start";
    if (isIntact && !store.isBlank && !rebuild) return { fold: new Fold(store.now, rules), held };
    const floor = findFloor(journal, offset, rules);
    if (floor === undefined && journal.start > 0) {
      if (this.#partition.isNewestClaim(offset))
        this.#partition.fail("no floor to begin a fold at");
      return this.#give("it finds no floor");
    }
    const bookmark = floor === undefined ? startBookmark : bookmarkAt(journal, floor.offset);
    const position = floor?.checkpoint.position ?? blankFold.position;
    if (!store.restart(epoch, bookmark, position)) return this.#give("its restart is refused");
    this.#note(() => `rebuilds the store from ${bookmark.offset}`);
    const from: Folded = { ...blankFold, bookmark, position };
    return { fold: new Fold(from, rules), held: bookmark };
  }

  /** Another owner may have cut the log meanwhile. */
  #isInLog({ offset }: Claim, folding: Folding): boolean {
    const { journal, store } = this.#partition;
    const { rules } = this.#shared;
    if (folding.fold.bookmark.offset >= journal.start) return true;
    if (rules.belowStart === "go on at the start") {
      const { position, instances } = store.now;
      const bookmark = bookmarkAt(journal, journal.start);
      folding.fold = new Fold({ bookmark, position, instances }, rules);
      return true;
    }
    const isStuck = rules.belowStart === "stop" && this.#partition.isNewestClaim(offset);
    if (isStuck) this.#partition.fail("a fold has to read below the log's start");
    this.end("the log was cut above it");
    return false;
  }

  #catchUp({ epoch }: Claim, folding: Folding, instances: Fold["instances"]): boolean {
    const { bookmark: to, position } = folding.fold;
    const from = folding.held;
    const drops = new Set<string>();
    if (!this.#partition.commit({ epoch, from, to, position, instances, drops })) return false;
    folding.held = to;
    this.#note(() => `folds to ${to.offset}`);
    return true;
  }

  #open({ offset, epoch }: Claim, { fold, held }: Folding): void {
    const { journal } = this.#partition;
    const start = {
      claim: offset,
      epoch,
      bookmark: fold.bookmark,
      position: fold.position,
      held,
      floor: findFloor(journal, offset, this.#shared.rules),
      pass: this.#keptPass,
    };
    this.#claim = undefined;
    this.#folding = undefined;
    this.#tenure = new Tenure(this.#name, this.#partition, this.#shared, start, (why) =>
      this.end(why),
    );
    this.#note(() => `owns it, input ${fold.position.offset}`);
  }

  #give(why: string): undefined {
    this.end(why);
    return undefined;
  }

  #note(line: () => string): void {
    this.#partition.note(() => `${this.#name} ${line()}`);
  }
}
