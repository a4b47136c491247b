import { operationsOf } from "@millrace/cli/compose/operations";
import type { Operations } from "@millrace/gateway/api/operations";
import { type ApiServer, startApi } from "@millrace/gateway/api/server";
import { MemoryStateStore } from "@millrace/shared/adapters/memory/state-store";
import { onTestFinished } from "vitest";
import { simulate, type World } from "./world.ts";

/** An answer of the API: its status, and its body. */
export interface Answer<T = Readonly<Record<string, unknown>>> {
  readonly status: number;
  readonly body: T;
}

/** The world of the scenarios behind the real HTTP API. */
export class ApiWorld {
  readonly world: World;
  readonly #api: ApiServer;

  private constructor(world: World, api: ApiServer) {
    this.world = world;
    this.#api = api;
  }

  static async open(flows: readonly string[]): Promise<ApiWorld> {
    const world = await simulate({ flows, partitions: 2 });
    const faults: string[] = [];
    const api = await startApi({
      ...{ host: "127.0.0.1", port: 0, token: undefined },
      operations: operationsOfWorld(world),
      metrics: async () => "",
      onFault: (path, why) => faults.push(`${path}: ${why}`),
    });
    onTestFinished(async () => {
      await api.close();
      world.crash();
      if (faults.length > 0) throw new Error(faults.join("\n"));
    });
    return new ApiWorld(world, api);
  }

  /** Lets the store catch up with the journal. */
  async caughtUp(): Promise<void> {
    await this.world.advance(100);
  }

  async post<T = Readonly<Record<string, unknown>>>(
    path: string,
    body: object = {},
  ): Promise<Answer<T>> {
    return await this.#ask(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  get<T>(path: string): Promise<Answer<T>> {
    return this.#ask(path, {});
  }

  async #ask<T>(path: string, init: RequestInit): Promise<Answer<T>> {
    const answer = await fetch(`http://127.0.0.1:${this.#api.port}/v1${path}`, init);
    const body = (await answer.json()) as T;
    await this.world.advance(0);
    return { status: answer.status, body };
  }
}

function operationsOfWorld({ clock, states, process }: World): Operations {
  const { log, catalogue, registry, events } = process;
  const store = new MemoryStateStore(states);
  return operationsOf({ clock, log, store, catalogue, registry, events } as never, {});
}
