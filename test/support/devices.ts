import type { CommandMessage, CommandOutcome, Gateways } from "@millrace/shared/peer/gateways";

/** Devices that subscribe to everything, are away, or refuse what they get; as a dispatcher finds them. */
export class Devices implements Gateways {
  /** What was handed to a device that was there, whatever it answered. */
  readonly received: CommandMessage[] = [];
  readonly #outcomes = new Map<string, CommandOutcome>();
  readonly #listeners = new Set<(ns: string, filter: string) => void>();

  match(): ReturnType<Gateways["match"]> {
    return Array.from(this.#outcomes, ([name, outcome]) => ({
      name,
      deliver: async (message: CommandMessage) => {
        this.received.push(message);
        return outcome;
      },
    }));
  }

  onSubscribed(call: (ns: string, filter: string) => void): () => void {
    this.#listeners.add(call);
    return () => this.#listeners.delete(call);
  }

  /** @param state `online`, `offline`, `refuses CODE`, or `vanishes`: it is gone before it has what it is handed */
  become(state: string, device = "device"): void {
    if (state === "offline") this.#outcomes.delete(device);
    else this.#outcomes.set(device, outcomeOf(state));
    if (state === "offline") return;
    for (const call of this.#listeners) call("default", "#");
  }
}

function outcomeOf(state: string): CommandOutcome {
  const refuses = /^refuses (\d+)$/.exec(state);
  if (refuses !== null) return { outcome: "refused", code: Number(refuses[1]) };
  if (state === "online") return { outcome: "delivered" };
  if (state === "vanishes") return { outcome: "none" };
  throw new Error(`a device is online, offline, vanishes or refuses CODE, not ${state}`);
}
