import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CountingDevice } from "../../support/device.ts";
import { pythonWith } from "../../support/servers/python.ts";
import { until } from "../../support/until.ts";

const run = promisify(execFile);
const pahoScript = fileURLToPath(new URL("paho-client.py", import.meta.url));

/** Connects as a device of the counting flow, publishes events with these ids at QoS 1, and gives the ids of the commands that came. */
export type Client = (url: URL, device: string, ids: readonly string[]) => Promise<string[]>;

function mqttJs(protocolVersion: 4 | 5): Client {
  return async ({ href }, name, ids) => {
    const device = new CountingDevice(name);
    await device.connect(href, { protocolVersion });
    for (const id of ids) await device.tick(id);
    await until(() => device.echoed.length >= ids.length);
    return device.echoed;
  };
}

function mosquitto(version: "mqttv31" | "mqttv311" | "mqttv5"): Client {
  return async ({ hostname, port }, name, ids) => {
    const where = ["-h", hostname, "-p", port, "-V", version, "-q", "1"];
    const echo = ["-t", `count/${name}/echo`, "-C", `${ids.length}`, "-W", "20"];
    const subscriber = spawn("mosquitto_sub", [...where, ...echo, "-i", name]);
    let output = "";
    subscriber.stdout.on("data", (bytes) => (output += String(bytes)));
    const ended = once(subscriber, "close");
    // Whether it has subscribed cannot be seen through a pipe; a command waits for its device anyway.
    const publisher = spawn("mosquitto_pub", [
      ...where,
      ...["-t", `count/${name}/tick`, "-i", `${name}-pub`, "-l"],
    ]);
    for (const id of ids) publisher.stdin.write(`${JSON.stringify({ id })}\n`);
    publisher.stdin.end();
    await ended;
    return output
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { id: string }).id);
  };
}

function paho(version: 3 | 4 | 5): Client {
  return async ({ hostname, port }, name, ids) => {
    const python = await pythonWith(["paho-mqtt==2.1.0"]);
    const args = [pahoScript, hostname, port, name, `${version}`, ...ids];
    const { stdout } = await run(python, args);
    return JSON.parse(stdout) as string[];
  };
}

/** The clients that fleets use, with each version that they speak. */
export const clients: Readonly<Record<string, Client>> = {
  "mqtt.js-3.1.1": mqttJs(4),
  "mqtt.js-5": mqttJs(5),
  "mosquitto-3.1": mosquitto("mqttv31"),
  "mosquitto-3.1.1": mosquitto("mqttv311"),
  "mosquitto-5": mosquitto("mqttv5"),
  "paho-3.1": paho(3),
  "paho-3.1.1": paho(4),
  "paho-5": paho(5),
};
