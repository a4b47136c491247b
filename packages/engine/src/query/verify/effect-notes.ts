import type { Effect } from "@millrace/shared/contract/effect";
import type { EffectCounts, Tally } from "./report.ts";

/** The effects of one instance that it asked for then, and would ask for now. */
export class EffectNotes {
  #counts: Map<string, EffectCounts> | undefined;

  /** @param was of the step of the journal @param now of the step that this input would be */
  add(was: readonly Effect[], now: readonly Effect[]): void {
    if (was.length + now.length === 0) return;
    const before = byPlace(was);
    const after = byPlace(now);
    for (const place of new Set([...before.keys(), ...after.keys()])) {
      const [asked, asks] = [before.get(place) ?? [], after.get(place) ?? []];
      const counts = this.#countsOf(place);
      counts.was += asked.length;
      counts.now += asks.length;
      const both = Math.min(asked.length, asks.length);
      for (let i = 0; i < both; i++) if (asked[i] !== asks[i]) counts.changed += 1;
    }
  }

  #countsOf(place: string): EffectCounts {
    this.#counts ??= new Map();
    const counts = this.#counts.get(place) ?? { was: 0, now: 0, changed: 0 };
    this.#counts.set(place, counts);
    return counts;
  }

  tell(tally: Tally): void {
    for (const [place, counts] of this.#counts ?? []) tally.addEffects(place, counts);
  }
}

/** What each asks for, as text, by kind and name. */
function byPlace(effects: readonly Effect[]): Map<string, string[]> {
  const places = new Map<string, string[]>();
  for (const effect of effects) {
    const place = `${effect.kind} ${nameOf(effect)}`;
    const texts = places.get(place) ?? [];
    texts.push(textOf(effect));
    places.set(place, texts);
  }
  return places;
}

/** Where it stands in its step, and until when it is good, is not what it asks for. */
function textOf(effect: Effect): string {
  const { index: _index, verdict: _verdict, ...asked } = effect;
  return JSON.stringify({ ...asked, deadline: undefined });
}

function nameOf(effect: Effect): string {
  switch (effect.kind) {
    case "command":
    case "call":
      return effect.name;
    case "publish":
      return effect.topic;
    case "send":
      return `${effect.flow} ${effect.type}`;
    case "log":
      return effect.level;
  }
}
