import { setTimeout as sleep } from "node:timers/promises";
import { CountingDevice } from "../../support/device.ts";

/** A device that publishes without end, and goes to another gateway when its own is gone. */
export class RovingDevice extends CountingDevice {
  #running: Promise<void> | undefined;
  #stopping = false;

  /** @param gateways addresses of those that are there now */
  start(gateways: () => readonly string[]): void {
    this.#running = this.#publishOn(gateways);
  }

  /** Publishes no more once the last event is acknowledged; stays connected. */
  async finish(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #publishOn(gateways: () => readonly string[]): Promise<void> {
    for (let n = 1; !this.#stopping; n++) {
      await this.#untilAcknowledged(`${this.name}-${n}`, gateways);
      await sleep(5 + Math.random() * 20);
    }
  }

  /** The same event again and again, as devices do; its id tells the engine. */
  async #untilAcknowledged(id: string, gateways: () => readonly string[]): Promise<void> {
    for (;;) {
      try {
        if (!this.connected) {
          const urls = gateways();
          await this.connect(urls[Math.floor(Math.random() * urls.length)] ?? "");
        }
        return await this.tick(id);
      } catch {
        await sleep(50);
      }
    }
  }
}
