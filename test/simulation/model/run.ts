import { type ActionName, actions, type Weights, weightsOf } from "./actions.ts";
import { drain } from "./drain.ts";
import type { Rules } from "./rules.ts";
import { World } from "./world.ts";

/** A directed schedule: actions of the first partition, by the first of its two workers or the `other`. */
export type Story = readonly (ActionName | `other ${ActionName}`)[];

export interface Course {
  /** Which actions are to be more, or less, frequent than by default. */
  readonly emphasis?: Weights;
  /** What happens, but for a little noise, instead of a random walk. */
  readonly story?: Story;
  /** Whether a history is kept. */
  readonly tells?: boolean;
}

export interface Outcome {
  /** What broke, if anything did. */
  readonly failure: string | undefined;
  /** One line an action. */
  readonly history: readonly string[];
}

const ACTIONS = 300;
const NOISE = 0.03;

/** Some hundred actions and faults by a seed; then all faults end, and what is owed has to finish. */
export function run(seed: number, rules: Rules, course: Course = {}): Outcome {
  const world = new World(seed, rules, course.tells === true);
  const walk = makeWalk(world, course.emphasis ?? {});
  if (course.story === undefined) {
    for (let i = 0; i < ACTIONS && world.failure === undefined; i++) walk();
  } else tell(world, course.story, walk);
  if (world.failure === undefined) drain(world);
  return { failure: world.failure, history: world.history };
}

/** @returns a function that takes one step at random */
function makeWalk(world: World, emphasis: Weights): () => void {
  const { random, sites } = world;
  const weights = weightsOf(random, emphasis);
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  // Much of it happens in one place, or everywhere; much goes wrong, or hardly anything.
  const inFirstSite = random.of([0.6, 0.95]) ?? 1;
  const byFirstWorker = random.of([0.7, 0.93]) ?? 1;
  world.trouble = random.of([0.1, 0.4, 1]) ?? 1;
  return () => {
    world.tick();
    let at = random.next() * total;
    const [name] = weights.find(([, weight]) => (at -= weight) < 0) ?? [];
    const site = sites[random.chance(inFirstSite) ? 0 : 1];
    const which = random.chance(byFirstWorker) ? 0 : 1;
    if (name !== undefined && site !== undefined) actions[name](site, which, world);
  };
}

function tell(world: World, story: Story, walk: () => void): void {
  const [site] = world.sites;
  world.trouble = 0;
  for (const entry of story) {
    if (world.failure !== undefined || site === undefined) return;
    const name = entry.replace("other ", "") as ActionName;
    world.tick();
    actions[name](site, entry === name ? 0 : 1, world);
    if (world.random.chance(NOISE)) walk();
  }
}
