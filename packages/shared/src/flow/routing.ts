import { TopicTrie } from "../mqtt/topic-trie.ts";
import type { Flow } from "./flow.ts";
import type { FlowInput } from "./input.ts";

/** An input of a flow version that listens to a topic. */
export interface Route {
  readonly flow: Flow;
  readonly input: FlowInput;
}

/**
 * Which inputs of one namespace a topic is for. One trie for all flows: what does not match costs
 * nothing, however many inputs there are.
 */
export class Router {
  readonly #trie = new TopicTrie<Route>();

  constructor(flows: Iterable<Flow>) {
    for (const flow of flows) {
      for (const input of flow.inputs.values()) this.#trie.add(input.filter, { flow, input });
    }
  }

  /** In an order that depends on names alone, so that every process finds the same first one. */
  match(topic: string): readonly Route[] {
    const routes = this.#trie.match(topic);
    return routes.length > 1 ? routes.sort(byName) : routes;
  }
}

function byName(a: Route, b: Route): number {
  return (
    compare(a.flow.name, b.flow.name) ||
    compare(a.input.name, b.input.name) ||
    compare(a.flow.version, b.flow.version)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
