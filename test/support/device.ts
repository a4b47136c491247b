import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { onTestFinished } from "vitest";

/** A device of the counting flow: it keeps what was acknowledged to it and what it was told. */
export class CountingDevice {
  readonly name: string;
  readonly acknowledged: string[] = [];
  readonly echoed: string[] = [];
  #client: MqttClient | undefined;

  constructor(name: string) {
    this.name = name;
  }

  async connect(url: string, options: IClientOptions = {}): Promise<void> {
    this.#client = await mqtt.connectAsync(url, {
      clientId: this.name,
      protocolVersion: 5,
      reconnectPeriod: 0,
      connectTimeout: 5_000,
      ...options,
    });
    const client = this.#client;
    client.on("error", () => {}); // connections are cut on purpose
    client.on("message", (_topic, payload) => {
      this.echoed.push((JSON.parse(payload.toString()) as { id: string }).id);
    });
    onTestFinished(async () => {
      await client.endAsync(true).catch(() => {});
    });
    await client.subscribeAsync(`count/${this.name}/echo`, { qos: 1 });
  }

  /**
   * Publishes an event; resolves when it is acknowledged. @throws as `publish` does
   * @param traceparent the trace that it goes on with
   */
  async tick(id: string, traceparent?: string): Promise<void> {
    await this.publish(`count/${this.name}/tick`, JSON.stringify({ id }), traceparent);
    this.acknowledged.push(id);
  }

  /**
   * Publishes at QoS 1; resolves when it is acknowledged.
   * @throws when the connection closes before: the event may have been taken, or not
   */
  async publish(topic: string, payload: string | Buffer, traceparent?: string): Promise<void> {
    const client = this.#client;
    if (client?.connected !== true) throw new Error(`${this.name} is not connected`);
    await new Promise<void>((resolve, reject) => {
      const closed = (): void => reject(new Error("closed"));
      client.once("close", closed);
      const properties = traceparent === undefined ? {} : { userProperties: { traceparent } };
      client.publish(topic, payload, { qos: 1, properties }, (error) => {
        client.off("close", closed);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  get connected(): boolean {
    return this.#client?.connected === true;
  }

  async close(): Promise<void> {
    await this.#client?.endAsync(true).catch(() => {});
    this.#client = undefined;
  }
}
