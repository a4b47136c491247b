import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Scrape } from "../support/scrape.ts";
import { until } from "../support/until.ts";
import type { Place } from "./processes.ts";
import type { Stage } from "./stage.ts";

/** What an outage of a server cost. */
export interface Outage {
  /** Memory of the processes that were watched, in MiB: before, at most, and at the end. */
  readonly rss: { readonly before: number; readonly most: number; readonly after: number };
  /** What waited for the log in one of them, in bytes, at most, as far as it was seen. */
  readonly queuedBytesMost: number;
  /** Events a second: before, while the server was away, in the 10 s after, and in the 10 s after those. */
  readonly acknowledged: Rates;
  /** The same of commands. */
  readonly answered: Rates;
  /** From the server's return until all that was published before it was acknowledged, and answered. */
  readonly caughtUp: { readonly acknowledgedMs: number; readonly answeredMs: number };
}

interface Rates {
  readonly before: number;
  readonly away: number;
  readonly after: number;
  readonly later: number;
}

const CALM_MS = 15_000;
const AFTER_MS = 10_000;
const LOOK_MS = 50;
const QUEUED_LOOK_MS = 200;
const CAUGHT_UP_MS_MAX = 600_000;

/**
 * Takes a server away under load, and back.
 *
 * @param away takes it away @param meanwhile is called then @param back resolves when it serves again
 * @param watched whose memory is looked at
 */
export async function outage(
  stage: Stage,
  parts: {
    readonly away: () => Promise<void>;
    readonly meanwhile?: () => void;
    readonly back: () => Promise<void>;
    readonly awayMs: number;
    readonly watched: readonly Place[];
  },
): Promise<Outage> {
  const before = await rates(stage, () => sleep(CALM_MS));
  const rssBefore = rssOf(parts.watched);
  let most = rssBefore;
  const watching = setInterval(() => {
    most = Math.max(most, rssOf(parts.watched));
  }, LOOK_MS);
  const queued = new Queued(parts.watched);
  await parts.away();
  parts.meanwhile?.();
  const away = await rates(stage, () => sleep(parts.awayMs));
  await parts.back();
  const backAt = performance.now();
  const published = stage.devices.map(({ events }) => events.length);
  const after = await rates(stage, () => sleep(AFTER_MS));
  const later = await rates(stage, () => sleep(AFTER_MS));
  const all = (what: "acknowledgedAt" | "answeredAt"): Promise<number> =>
    caughtUp(stage, published, what).then((at) => Math.max(0, at - backAt));
  const acknowledgedMs = await all("acknowledgedAt");
  const answeredMs = await all("answeredAt");
  clearInterval(watching);
  return {
    rss: { before: rssBefore, most, after: rssOf(parts.watched) },
    queuedBytesMost: await queued.stop(),
    acknowledged: pick("acknowledged", [before, away, after, later]),
    answered: pick("answered", [before, away, after, later]),
    caughtUp: { acknowledgedMs, answeredMs },
  };
}

/** @returns when the last of the events that were published by then was acknowledged or answered */
async function caughtUp(
  stage: Stage,
  published: readonly number[],
  what: "acknowledgedAt" | "answeredAt",
): Promise<number> {
  const due = stage.devices.flatMap(({ events }, at) => events.slice(0, published[at]));
  await until(() => due.every((event) => event[what] !== undefined), CAUGHT_UP_MS_MAX);
  return Math.max(...due.map((event) => event[what] ?? 0));
}

interface Counts {
  readonly acknowledged: number;
  readonly answered: number;
}

async function rates(stage: Stage, during: () => Promise<void>): Promise<Counts> {
  const count = (of: keyof Counts): number => stage.devices.reduce((sum, one) => sum + one[of], 0);
  const from = performance.now();
  const [acknowledged, answered] = [count("acknowledged"), count("answered")];
  await during();
  const seconds = (performance.now() - from) / 1_000;
  return {
    acknowledged: Math.round((count("acknowledged") - acknowledged) / seconds),
    answered: Math.round((count("answered") - answered) / seconds),
  };
}

type Spans = readonly [before: Counts, away: Counts, after: Counts, later: Counts];

function pick(of: keyof Counts, [before, away, after, later]: Spans): Rates {
  return { before: before[of], away: away[of], after: after[of], later: later[of] };
}

/** Looks at what waits for the log, as the processes themselves tell it. */
class Queued {
  readonly #looking: Promise<void>;
  #most = 0;
  #stopped = false;

  constructor(places: readonly Place[]) {
    this.#looking = this.#look(places);
  }

  async #look(places: readonly Place[]): Promise<void> {
    while (!this.#stopped) {
      for (const { process } of places) {
        const response = await fetch(`${process.http}/metrics`);
        const scrape = new Scrape(await response.text());
        this.#most = Math.max(this.#most, scrape.sum("millrace_events_queued_bytes"));
      }
      await sleep(QUEUED_LOOK_MS);
    }
  }

  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#looking;
    return this.#most;
  }
}

/** In MiB; of processes that ended, nothing. */
function rssOf(places: readonly Place[]): number {
  const all = places.map(({ process }) => {
    const status = readFileSync(`/proc/${process.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
  });
  return Math.round(Math.max(...all));
}
