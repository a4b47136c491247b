/**
 * The rules of the log protocol, each with what becomes of the product without it: a piece of a source
 * that occurs there once, and what stands in its place. The simulation, or a directed schedule, has to notice each of them.
 */
export interface Mutant {
  /** Completes "the product, but …". */
  readonly name: string;
  /** From the root. */
  readonly file: string;
  readonly snippet: string;
  readonly replacement: string;
  readonly noticedBy: Noticer;
}

/**
 * What is known to notice it: a seed, of which `npm run soak -- mutants` finds the first; or, where the
 * simulation meets it too seldom, a schedule of its own.
 */
export type Noticer =
  | { readonly seed: number /** An invariant that breaks there. */; readonly breaks: string }
  /** A test file, from the root. */
  | { readonly test: string };

const engine = "packages/engine/src/runtime";
const dispatch = "packages/engine/src/dispatch";
const shared = "packages/shared/src";
const scenarios = "test/scenarios";

export const mutants: readonly Mutant[] = [
  {
    name: "a command goes out under an id of its own",
    file: `${dispatch}/commands.ts`,
    snippet: "payload: encode(effect),\n      qos: effect.qos,\n      id,",
    replacement:
      "payload: encode(effect),\n      qos: effect.qos,\n      id: `${id}0` as EffectId,",
    noticedBy: { seed: 1, breaks: "I5" },
  },
  {
    name: "an owner goes on under the epoch that the store has",
    file: `${engine}/claim.ts`,
    snippet: "const tenure = { epoch, time,",
    replacement:
      "const tenure = { epoch: held.journal.epoch < 0 ? epoch : held.journal.epoch, time,",
    noticedBy: { seed: 1, breaks: "I8" },
  },
  {
    name: "a load does not name the position that it expects",
    file: `${shared}/adapters/memory/state-store.ts`,
    snippet: "const fold = this.#held(partition, at);",
    replacement: "const fold = this.#server.partition(partition);",
    noticedBy: { seed: 11, breaks: "I2" },
  },
  {
    name: "a search for due timers does not name the position that it expects",
    file: `${shared}/adapters/memory/state-store.ts`,
    snippet: "return pageOf(this.#held(partition, at), range);",
    replacement: "return pageOf(this.#server.partition(partition), range);",
    noticedBy: { test: "test/conformance/state-store.memory.test.ts" },
  },
  {
    name: "a commit is not checked",
    file: `${shared}/adapters/memory/state-store.ts`,
    snippet: `if (fold.epoch > epoch) throw newerClaim(partition, epoch, fold.epoch);
    const held = fold.journal.offset;
    if (held < from.offset || held > to.offset) throw otherPosition(partition, from, fold.journal);`,
    replacement: "",
    noticedBy: { seed: 3, breaks: "I3" },
  },
  {
    name: "a commit is checked by its epoch only",
    file: `${shared}/adapters/memory/state-store.ts`,
    snippet:
      "if (held < from.offset || held > to.offset) throw otherPosition(partition, from, fold.journal);",
    replacement: "",
    noticedBy: { seed: 3, breaks: "I3" },
  },
  {
    name: "where an append stands is not looked at",
    file: `${engine}/journal-writer.ts`,
    snippet: "if (appended.offset !== this.#nextOffset) {",
    replacement:
      "this.#nextOffset = appended.offset;\n    if (appended.offset !== this.#nextOffset) {",
    noticedBy: { seed: 2, breaks: "I3" },
  },
  {
    name: "an owner goes on after an append of which it knows nothing",
    file: `${engine}/journal-writer.ts`,
    snippet:
      "if (first === undefined || !tail.every((record, i) => this.#isOurs(record, this.#n + 1 + i))) {",
    replacement:
      "if (first === undefined || !tail.every((record, i) => this.#isOurs(record, this.#n + 1 + i))) {\n      return { offset: from, time: 0 };",
    noticedBy: { seed: 1, breaks: "I4" },
  },
  {
    name: "two appends to the journal are under way at once",
    file: `${engine}/tenure.ts`,
    snippet: "await this.#appending;\n    if (this.#ended) return;",
    replacement: "if (this.#ended) return;",
    noticedBy: { seed: 1, breaks: "I3" },
  },
  {
    name: "two appends to a partition of events are under way at once",
    file: `${shared}/log/events-writer.ts`,
    snippet: "if (queue.busy) return;",
    replacement: "",
    noticedBy: { seed: 1, breaks: "I1" },
  },
  {
    name: "no mark says how far the input is",
    file: `${engine}/tenure.ts`,
    snippet: "const markAt = this.#position.markDueAt(options.markMs);",
    replacement: "const markAt = undefined as number | undefined;",
    noticedBy: { seed: 2, breaks: "I8" },
  },
  {
    name: "a mark says nothing of stamps",
    file: `${engine}/journal-writer.ts`,
    snippet: "if (pos !== undefined) header.pos = pos as",
    replacement:
      'if (pos !== undefined && kind === "mark") header.pos = { offset: pos.offset, time: pos.time };\n    else if (pos !== undefined) header.pos = pos as',
    noticedBy: { seed: 1, breaks: "I4" },
  },
  {
    name: "the store's input is that which is decided",
    file: `${engine}/tenure.ts`,
    snippet: "this.#committer.add(changes, rejections, this.#writer.bookmark, position);",
    replacement:
      "this.#committer.add(changes, rejections, this.#writer.bookmark, { ...position, offset: this.#position.offset });",
    noticedBy: { seed: 1, breaks: "I4" },
  },
  {
    name: "the position passes an event before its copies are acknowledged",
    file: `${engine}/copy.ts`,
    snippet: "if (writes.length > 0) await Promise.all(writes);",
    replacement: "void Promise.all(writes);",
    noticedBy: { seed: 28, breaks: "I1" },
  },
  {
    name: "a send is written after later ones",
    file: `${dispatch}/partition-dispatch.ts`,
    snippet: "await this.#host.events.write(partitionOf(of,",
    replacement:
      "await sleep(this.#host.clock, this.#host.clock.random() * 1_500);\n    await this.#host.events.write(partitionOf(of,",
    noticedBy: { seed: 1, breaks: "I1" },
  },
  {
    name: "a send of a void step is written",
    file: `${dispatch}/partition-dispatch.ts`,
    snippet:
      'if (reading === "counts" && header !== undefined) this.#execute(header, record, before);',
    replacement:
      'if (reading === "counts" || header?.fx?.every((kind) => kind === "send")) this.#execute(header, record, before);',
    noticedBy: { seed: 269, breaks: "I5" },
  },
  {
    name: "a send has no payload",
    file: `${dispatch}/partition-dispatch.ts`,
    snippet: "value: JSON.stringify(payload),\n    };\n    await this.#host.events.write(",
    replacement: 'value: "{}",\n    };\n    await this.#host.events.write(',
    noticedBy: { seed: 1, breaks: "I5" },
  },
  {
    name: "timers fire by the wall clock",
    file: `${engine}/log-clock.ts`,
    snippet: "return Math.floor(this.#learnt + monotonicMs - this.#learntAt);",
    replacement:
      "return Math.floor(this.#clock.wallMs() + monotonicMs - this.#clock.monotonicMs());",
    noticedBy: { seed: 4, breaks: "I8" },
  },
  {
    name: "a timer does not wait for input that has arrived",
    file: `${engine}/agenda.ts`,
    snippet: "return Math.min(this.#parts.logClock.now(), this.#parts.logClock.at(arrived));",
    replacement: "return this.#parts.logClock.now();",
    noticedBy: { seed: 43, breaks: "I6" },
  },
  {
    name: "what is not committed leaves memory",
    file: `${engine}/instance-cache.ts`,
    snippet: "if (cached.uncommitted > 0) continue;",
    replacement: "",
    noticedBy: { seed: 1, breaks: "I6" },
  },
  {
    name: "an append to events is not repeated",
    file: `${shared}/log/events-writer.ts`,
    snippet: "if (this.#closed) return rejectAll(batch, error);",
    replacement: "return rejectAll(batch, error);",
    noticedBy: { seed: 2, breaks: "I8" },
  },
  {
    name: "an append to events is repeated under a new stamp",
    file: `${shared}/log/events-writer.ts`,
    snippet: 'const appended = await this.#log.append("events", partition, records);',
    replacement: `for (const [i, record] of records.entries()) {
          const header = JSON.parse(record.header);
          if (header.w === this.name) records[i] = { ...record, header: JSON.stringify({ ...header, ...this.stamp() }) };
        }
        const appended = await this.#log.append("events", partition, records);`,
    noticedBy: { seed: 2, breaks: "I1" },
  },
  {
    name: "a repeat is taken",
    file: `${engine}/turn-decider.ts`,
    snippet: "if (header !== undefined && header.n <= (this.#position.stampOf(header.w) ?? -1)) {",
    replacement: "if (header !== undefined && header.n < 0) {",
    noticedBy: { seed: 1, breaks: "I1" },
  },
  {
    name: "the dispatcher's bookmark passes what is not done",
    file: `${dispatch}/progress.ts`,
    snippet: "return this.#open[0]?.before ?? this.#read;",
    replacement: "return this.#read;",
    noticedBy: { seed: 74, breaks: "I1" },
  },
  {
    name: "what an earlier dispatcher had parked is forgotten",
    file: `${dispatch}/dispatcher.ts`,
    snippet: "for (const instance of instances) dispatch.resume(instance, after - 1);",
    replacement: "",
    noticedBy: { seed: 23, breaks: "I8" },
  },
  {
    name: "what another dispatcher has parked is passed over",
    file: `${engine}/batch.ts`,
    snippet: 'step.cause.type === "parked" ? ["parked"] : [];',
    replacement: "[];",
    noticedBy: { seed: 18, breaks: "I8" },
  },
  {
    name: "what another dispatcher has parked is taken for owed by nobody",
    file: `${dispatch}/under-way.ts`,
    snippet: 'if (parked !== undefined && parked.parking !== "parked") {',
    replacement: 'if (parked !== undefined && parked.parking === "asked") {',
    noticedBy: { test: `${scenarios}/parked-then-read.test.ts` },
  },
  {
    name: "a dispatcher that holds back waits for what stands further on",
    file: `${dispatch}/progress.ts`,
    snippet: "waits: () => this.#change(entry, 0, 1),",
    replacement: "waits: () => {},",
    noticedBy: { seed: 1, breaks: "I8" },
  },
  {
    name: "a command with a deadline is handed over to nobody",
    file: `${dispatch}/commands.ts`,
    snippet: "if (lifeOf(command) <= 0) return; // the engine",
    replacement: "if (command.effect.deadline !== undefined) return; // the engine",
    noticedBy: { seed: 1, breaks: "I5" },
  },
  {
    name: "a gateway does not remember what it has applied",
    file: "packages/gateway/src/deliver/applied-effects.ts",
    snippet: 'if (outcome.outcome === "delivered") this.#remember(id, outcome);',
    replacement: "",
    noticedBy: { seed: 1, breaks: "I5" },
  },
  {
    name: "a reader takes the records of earlier owners",
    file: `${shared}/contract/reader.ts`,
    snippet: 'if (header.e !== this.#epoch || header.n <= this.#n) return "void";',
    replacement:
      'if (header.e !== this.#epoch) return "counts";\n    if (header.n <= this.#n) return "void";',
    noticedBy: { seed: 1, breaks: "I3" },
  },
  {
    name: "a reminder of a timer that is gone fires a later one",
    file: `${engine}/turn-decider.ts`,
    snippet: "if (actual > due) return",
    replacement: "if (at !== undefined && actual > at) return",
    noticedBy: { seed: 1, breaks: "I1" },
  },
  {
    name: "timers of one time have no order",
    file: `${engine}/timer-heap.ts`,
    snippet: "return one.due === other.due ? one.id < other.id : one.due < other.due;",
    replacement: "return one.due < other.due;",
    noticedBy: { seed: 7, breaks: "I7" },
  },
  {
    name: "an instance is told of an event before its own timers have fired",
    file: `${engine}/turn-decider.ts`,
    snippet: "for (const { id } of one.deliveries) this.#fireOwn(batch, id, at);",
    replacement: "",
    noticedBy: { seed: 5, breaks: "I6" },
  },
  {
    name: "timers of others hold back an event",
    file: `${engine}/tenure.ts`,
    snippet: "Math.max(records.length, this.#host.options.turnTimersMax);",
    replacement: "Number.POSITIVE_INFINITY;",
    noticedBy: { test: `${scenarios}/timers-at-once.test.ts` },
  },
  {
    name: "time stands still while an event takes several turns",
    file: `${engine}/turn-decider.ts`,
    snippet: "if (one.more) this.#position.move(record.offset, at, clock.monotonicMs());",
    replacement: "if (one.more) return true;",
    noticedBy: { seed: 7, breaks: "I6" },
  },
  {
    name: "what is ahead of the store is in no window of timers",
    file: `${engine}/tenure.ts`,
    snippet: "for (const { id, due } of this.#cache.uncommitted) this.#timers.remind(id, due);",
    replacement: "",
    noticedBy: { seed: 11, breaks: "I8" },
  },
  {
    name: "the journal is cut above what is dispatched",
    file: `${engine}/retention.ts`,
    snippet: "([at, time]) => at <= dispatched && time <= oldest",
    replacement: "([, time]) => dispatched !== undefined && time <= oldest",
    noticedBy: { seed: 8, breaks: "I5" },
  },
  {
    name: "a checkpoint is the floor before its pass is done",
    file: `${engine}/retention.ts`,
    snippet: "if (!this.#pass.isScanned) return await this.#refresh(this.#pass);",
    replacement:
      "if (this.#pass.cursor === undefined && !this.#pass.isScanned) return await this.#refresh(this.#pass);",
    noticedBy: { seed: 6, breaks: "I3" },
  },
  {
    name: "no record names the floor",
    file: `${engine}/retention.ts`,
    snippet: "position.moveFloor(floor.offset, host.clock.monotonicMs());",
    replacement: "",
    noticedBy: { seed: 3, breaks: "I3" },
  },
  {
    name: "a checkpoint says nothing of stamps",
    file: `${engine}/retention.ts`,
    snippet: "stamps: Object.fromEntries(written),",
    replacement: "stamps: Object.fromEntries(written.slice(0, 0)),",
    noticedBy: { seed: 3, breaks: "I4" },
  },
  {
    name: "a checkpoint says nothing of time",
    file: `${engine}/retention.ts`,
    snippet: "time,\n      stamps: Object.fromEntries(written),",
    replacement: "time: 0,\n      stamps: Object.fromEntries(written),",
    noticedBy: { seed: 3, breaks: "I4" },
  },
  {
    name: "a checkpoint gives all stamps its own time",
    file: `${engine}/retention.ts`,
    snippet: "([w, { n, time: at }]) => [w, [n, at]] as const);",
    replacement: "([w, { n }]) => [w, [n, time]] as const);",
    noticedBy: { seed: 3, breaks: "I4" },
  },
  {
    name: "events are deleted as far as they are decided",
    file: `${engine}/retention.ts`,
    snippet: 'await host.log.truncate("events", partition, cut[2]);',
    replacement: 'await host.log.truncate("events", partition, this.#parts.position.offset);',
    noticedBy: { seed: 3, breaks: "I3" },
  },
  {
    name: "what has moved on since the checkpoint is refreshed as it was",
    file: `${engine}/retention.ts`,
    snippet: "if (pass.touched.has(id)) continue;",
    replacement: "",
    noticedBy: { seed: 6, breaks: "I3" },
  },
  {
    name: "what ended and still owes goes with a pass",
    file: `${engine}/retention.ts`,
    snippet: "if (!isEnded(instance) || Object.keys(instance.owed ?? {}).length > 0) return false;",
    replacement: "if (!isEnded(instance)) return false;",
    noticedBy: { seed: 57, breaks: "I3" },
  },
  {
    name: "what began anew during a pass goes with it",
    file: `${engine}/retention.ts`,
    snippet: "this.#pass?.expired.delete(id); // it begins anew",
    replacement: "",
    noticedBy: { seed: 132, breaks: "I3" },
  },
  {
    name: "the store goes on from before the log's beginning",
    file: `${engine}/takeover.ts`,
    snippet: "if (!anew && !isBlank && held.journal.offset >= start)",
    replacement: "if (!anew && !isBlank)",
    noticedBy: { seed: 21, breaks: "I7" },
  },
  {
    name: "a dispatcher without a bookmark begins at the floor",
    file: `${engine}/floor.ts`,
    snippet: "if (dispatched !== undefined && dispatched.offset >= start) return dispatched;",
    replacement: "if (dispatched !== undefined && floor !== undefined) return floor.bookmark;",
    noticedBy: { seed: 53, breaks: "I5" },
  },
  {
    name: "the store does not hear of rejections",
    file: `${engine}/committer.ts`,
    snippet: "rejections: this.#rejections,",
    replacement: "rejections: [],",
    noticedBy: { seed: 1, breaks: "I3" },
  },
  {
    name: "a fold passes rejections over",
    file: `${engine}/fold.ts`,
    snippet: "return { instances, rejections };",
    replacement: "return { instances, rejections: rejections.slice(0, 0) };",
    noticedBy: { seed: 1, breaks: "I3" },
  },
  {
    name: "a store that begins anew keeps what it had",
    file: `${shared}/adapters/memory/state-store.ts`,
    snippet:
      "Object.assign(fold, { journal, input, until, instances: new Map(), rejections: [] });",
    replacement: "Object.assign(fold, { journal, input, until });",
    noticedBy: { seed: 18, breaks: "I3" },
  },
  {
    name: "a store that holds a part counts as whole",
    file: `${shared}/adapters/memory/state-store.ts`,
    snippet: "if (fold.until !== undefined && to.offset >= fold.until) fold.until = undefined;",
    replacement: "fold.until = undefined;",
    noticedBy: { seed: 139, breaks: "I3" },
  },
  {
    name: "what has ended goes before what came to it is decided",
    file: `${engine}/retention.ts`,
    snippet: "return instance.updatedAt + keepMs <= takenUntil();",
    replacement:
      "return instance.updatedAt + keepMs <= Math.max(takenUntil(), this.#parts.logClock.now());",
    noticedBy: { test: `${scenarios}/ended-late-input.test.ts` },
  },
  {
    name: "the outcome of a call that is put aside is dropped",
    file: `${dispatch}/under-way.ts`,
    snippet:
      'const written = pending.effect.owed || pending.parking !== "no" || outcome === "refused";',
    replacement:
      'const written = (pending.effect.owed && pending.parking !== "parked") || outcome === "refused";',
    noticedBy: { seed: 19, breaks: "I8" },
  },
  {
    name: "what is put aside is carried out by nobody who comes later",
    file: `${dispatch}/calls.ts`,
    snippet:
      'if (owed.parked === undefined || owed.kind !== "call" || this.#pending.has(id)) continue;',
    replacement: "if (owed !== undefined) continue;",
    noticedBy: { test: `${scenarios}/calls-resumed.test.ts` },
  },
  {
    name: "a call is made under an id of its own",
    file: `${dispatch}/call-http.ts`,
    snippet: 'headers["idempotency-key"] = id;',
    replacement: 'headers["idempotency-key"] = `${id}-${Math.random()}`;',
    noticedBy: { seed: 2, breaks: "I5" },
  },
  {
    name: "a call is made that nobody waits for any more",
    file: `${dispatch}/under-way.ts`,
    snippet:
      "if (expected && key !== undefined && instance.owed?.[key] === undefined) this.drop(pending);",
    replacement: "",
    noticedBy: { seed: 1, breaks: "I8" },
  },
  {
    name: "what was not parked in time is passed by the bookmark",
    file: `${dispatch}/under-way.ts`,
    snippet: 'pending.parking = "asked";\n',
    replacement: 'pending.parking = "asked";\n    this.#release(pending);\n',
    noticedBy: { seed: 442, breaks: "I8" },
  },
  {
    name: "what was rejected as poison speaks against the next timer of its instance",
    file: `${engine}/caution.ts`,
    snippet: "if (this.#isTried(input)) this.#evidence = { by: [] };",
    replacement: "",
    noticedBy: { seed: 58, breaks: "I8" },
  },
  {
    name: "nobody writes down what is in hand",
    file: `${engine}/careful-turns.ts`,
    snippet: "mark.addMark({ trying: caution.trying(inHand) });",
    replacement: "mark.addMark(caution.isOn ? {} : { trying: caution.trying(inHand) });",
    noticedBy: { seed: 14, breaks: "I8" },
  },
  {
    name: "an owner that claims again counts as one that has ended",
    file: `${engine}/caution.ts`,
    snippet:
      "const by = [...(tried.others ?? []), tried.worker].filter((name) => name !== worker);",
    replacement: "const by = [...(tried.others ?? []), tried.worker];",
    noticedBy: { seed: 138, breaks: "I1" },
  },
  {
    name: "deployments of other partitions do not hear of an event",
    file: `${engine}/deliveries.ts`,
    snippet:
      "for (const place of listeners.keys()) if (place !== partition) this.#elsewhere.add(place);",
    replacement: "",
    noticedBy: { seed: 1, breaks: "I1" },
  },
  {
    name: "an event is done when some of its instances have had it",
    file: `${engine}/turn-decider.ts`,
    snippet:
      "if (one.more) this.#position.move(record.offset, at, clock.monotonicMs());\n    else ",
    replacement: "",
    noticedBy: { seed: 5, breaks: "I1" },
  },
  {
    name: "a later turn tells of an event those who have had it",
    file: `${engine}/deliveries.ts`,
    snippet: "if (this.#heard.has(id)) return;",
    replacement: "",
    noticedBy: { seed: 5, breaks: "I7" },
  },
  {
    name: "a deployment that is gone hears on",
    file: `${shared}/flow/deployments.ts`,
    snippet: "here?.delete(name);",
    replacement: "",
    noticedBy: { seed: 3, breaks: "I1" },
  },
  {
    name: "what is wrong with an event is told again where it was copied to",
    file: `${engine}/deliveries.ts`,
    snippet: "faults: isFirst ? faults : [],",
    replacement: "faults,",
    noticedBy: { seed: 3, breaks: "I1" },
  },
  {
    name: "who replaced a command that was put aside later does not say so",
    file: `${dispatch}/commands.ts`,
    snippet: 'void isWritten(this.#results.settle(to, id, "superseded", { by }, owed.trace));',
    replacement: "",
    noticedBy: { test: `${scenarios}/parked-late.test.ts` },
  },
  {
    name: "a fold that meets a cut ends the partition, or the rebuild",
    file: `${engine}/takeover.ts`,
    snippet: 'if (!isOperational(error, "LOG-006")) throw error;',
    replacement: "throw error;",
    noticedBy: { test: `${scenarios}/overtaken-claims.test.ts` },
  },
  {
    name: "a store that a newer owner has brought further counts as ahead of the journal",
    file: `${engine}/takeover.ts`,
    snippet: 'throw new OwnershipLost("a newer claim has brought the store further");',
    replacement: "throw aheadOfJournal(partition, held.journal.offset, end);",
    noticedBy: { test: `${scenarios}/overtaken-claims.test.ts` },
  },
  {
    name: "a bookmark that is late takes the next one back",
    file: `${dispatch}/dispatcher.ts`,
    snippet: "if (!this.#writing.has(partition)) void this.#writeBookmark(partition, dispatch);",
    replacement: "void this.#writeNow(partition, dispatch);",
    noticedBy: { test: `${scenarios}/late-answers.test.ts` },
  },
  {
    name: "a dispatcher takes what is put aside from a part of the store",
    file: `${dispatch}/dispatcher.ts`,
    snippet: "return held?.until !== undefined ? -1 : (held?.journal.offset ?? 0);",
    replacement: "return held?.journal.offset ?? 0;",
    noticedBy: { test: `${scenarios}/late-answers.test.ts` },
  },
  {
    name: "an event in several turns counts as progress when a part of it is rejected",
    file: `${engine}/caution.ts`,
    snippet: 'else if (parseJournalHeader(record.header)?.kind !== "rejected") break;',
    replacement: "else break;",
    noticedBy: { test: `${scenarios}/poison.test.ts` },
  },
  {
    name: "an event in several turns is done with when a part of it is taken",
    file: `${engine}/careful-turns.ts`,
    snippet: "decided.begun === undefined ? inHand : undefined",
    replacement: "inHand",
    noticedBy: { test: `${scenarios}/poison.test.ts` },
  },
  {
    name: "inputs are taken while another partition has in hand what may end the process",
    file: `${engine}/caution.ts`,
    snippet: "if (this.#waiting > 0) await this.#last;",
    replacement: "",
    noticedBy: { test: `${engine}/caution.test.ts` },
  },
  {
    name: "age keeps a record beyond the journal's bound",
    file: `${engine}/retention.ts`,
    snippet: "this.bytes > journalBytesMax ? 0 : retentionMs",
    replacement: "retentionMs",
    noticedBy: { test: `${scenarios}/journal-bound.test.ts` },
  },
  {
    name: "near floors are not listed beyond the journal's bound",
    file: `${engine}/retention.ts`,
    snippet: " || at === nearest?.[0]",
    replacement: "",
    noticedBy: { test: `${scenarios}/journal-bound.test.ts` },
  },
  {
    name: "the warning of the journal's bound comes once for ever",
    file: `${engine}/retention.ts`,
    snippet: "if (bytes < 0.7 * journalBytesMax) this.#isWarned = false;",
    replacement: "",
    noticedBy: { test: `${scenarios}/journal-bound.test.ts` },
  },
  {
    name: "a broker that does not let us delete ends the tenure",
    file: `${engine}/retention.ts`,
    snippet: 'host.onEvent("warn", "old records are not deleted; the log grows", facts);',
    replacement: "throw error;",
    noticedBy: { test: `${scenarios}/journal-bound.test.ts` },
  },
  {
    name: "two commits are under way at once",
    file: `${engine}/committer.ts`,
    snippet: "    this.#busy = true;\n",
    replacement: "",
    noticedBy: { test: `${engine}/committer.test.ts` },
  },
  {
    name: "a signal is applied as often as it comes",
    file: `${shared}/core/decide/signal.ts`,
    snippet: 'if (instance?.ids?.includes(input.id)) return ignored("repeat");',
    replacement: "",
    noticedBy: { test: `${shared}/core/decide/signal.test.ts` },
  },
  {
    name: "an event with an id is taken as often as it comes",
    file: `${shared}/core/decide/device-event.ts`,
    snippet: 'if (isRepeat(instance, input)) return ignored("repeat");',
    replacement: "",
    noticedBy: { test: `${shared}/core/decide/device-event.test.ts` },
  },
  {
    name: "what has ended is told with each step that puts another one aside",
    file: `${dispatch}/commands.ts`,
    snippet: "if (parked === undefined || parked === id)",
    replacement: "",
    noticedBy: { test: `${scenarios}/parked-while-behind.test.ts` },
  },
  {
    name: "what an operator wants is done to whatever an instance has become",
    file: `${shared}/core/where.ts`,
    snippet: "if (where?.status !== undefined",
    replacement: "if (where !== undefined) return true;\n  if (where?.status !== undefined",
    noticedBy: { test: `${scenarios}/operators.test.ts` },
  },
  {
    name: "a signal is not looked at again",
    file: `${shared}/core/decide/signal.ts`,
    snippet: "if (input.where !== undefined &&",
    replacement: "if (input.id === undefined &&",
    noticedBy: { test: `${scenarios}/operators.test.ts` },
  },
  {
    name: "an operator's id is not remembered",
    file: `${shared}/core/decide/operator.ts`,
    snippet: "ids: [...(instance.ids ?? []), id].slice(-limits.eventIdsMax),",
    replacement: "",
    noticedBy: { test: `${scenarios}/operators.test.ts` },
  },
  {
    name: "timers are gone when an instance is paused",
    file: `${shared}/core/decide/operator.ts`,
    snippet: '...(action !== "cancel" && timers !== undefined && { timers }),',
    replacement: '...(action === "resume" && timers !== undefined && { timers }),',
    noticedBy: { test: `${scenarios}/operators.test.ts` },
  },
  {
    name: "a cancelled instance waits for what it owes",
    file: `${shared}/core/decide/operator.ts`,
    snippet: '...(action !== "cancel" && owed !== undefined && { owed }),',
    replacement: "...(owed !== undefined && { owed }),",
    noticedBy: { test: `${scenarios}/operators.test.ts` },
  },
  {
    name: "what is owed at an end is owed for ever where its outcome was rejected",
    file: `${shared}/core/decide/operator.ts`,
    snippet: 'return action === "cancel" && instance.owed !== undefined;',
    replacement: "return false;",
    noticedBy: { test: `${scenarios}/operators.test.ts` },
  },
  {
    name: "what is redriven is not known by the rejection that it comes from",
    file: "packages/cli/src/compose/rejections.ts",
    snippet: "const again = { ...header, redrive: id };",
    replacement: "const again = { ...header };",
    noticedBy: { test: `${scenarios}/operators.test.ts` },
  },
  {
    name: "what is redriven is taken by its flow as if it were new",
    file: `${engine}/device-reading.ts`,
    snippet: "...(this.#header.redrive !== undefined && { redrive: this.#header.redrive }),",
    replacement: "",
    noticedBy: { seed: 3, breaks: "I2" },
  },
  {
    name: "what is redriven goes to all flows that listen",
    file: `${engine}/deliveries.ts`,
    snippet: "if (header.only !== undefined && header.only.flow !== route.flow.name) continue;",
    replacement: "",
    noticedBy: { seed: 1, breaks: "I1" },
  },
  {
    name: "what is redriven goes to all deployments of its flow",
    file: `${engine}/deliveries.ts`,
    snippet: "if (only === undefined || only === to.key) this.#add(",
    replacement: "this.#add(",
    noticedBy: { seed: 11, breaks: "I1" },
  },
  {
    name: "an instance that goes on is not reminded of its timers",
    file: `${engine}/turn-decider.ts`,
    snippet: "this.#timers.remind(id, cached.due);\n    }\n  }",
    replacement:
      'if (decision.step.cause.kind !== "operator") this.#timers.remind(id, cached.due);\n    }\n  }',
    noticedBy: { test: `${scenarios}/operators.test.ts` },
  },
  {
    name: "who goes on with the journal is told again what it had",
    file: "packages/engine/src/query/journal-tail.ts",
    snippet: "offset >= hadBefore(partition)",
    replacement: "offset >= 0",
    noticedBy: { test: `${scenarios}/journal-tail.test.ts` },
  },
];
