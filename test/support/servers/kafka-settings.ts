import { join } from "node:path";

/** Settings of the broker, by Kafka's names. */
export type KafkaSettings = Readonly<Record<string, string | number | boolean>>;

/** One more listener, which clients are told to reach at another port: that of a proxy. */
export interface Entrance {
  readonly name: string;
  readonly port: number;
  readonly advertisedPort: number;
}

/** A broker before it runs. */
export interface Broker {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  readonly folder: string;
  readonly entrances: readonly Entrance[];
}

/** What makes it one of these brokers, each of which is a controller as well. */
export function settingsOf(broker: Broker, all: readonly Broker[]): KafkaSettings {
  const replicas = Math.min(all.length, 3);
  const inSync = Math.max(1, replicas - 1);
  const own = `PLAINTEXT://127.0.0.1:${broker.port}`;
  const { entrances } = broker;
  const listeners = [own, ...entrances.map(({ name, port }) => `${name}://127.0.0.1:${port}`)];
  const advertised = [
    own,
    ...entrances.map(({ name, advertisedPort }) => `${name}://127.0.0.1:${advertisedPort}`),
  ];
  const names = ["PLAINTEXT", "CONTROLLER", ...entrances.map(({ name }) => name)];
  return {
    "process.roles": "broker,controller",
    "node.id": broker.id,
    "controller.quorum.voters": all
      .map((each) => `${each.id}@127.0.0.1:${each.controllerPort}`)
      .join(","),
    listeners: [...listeners, `CONTROLLER://127.0.0.1:${broker.controllerPort}`].join(","),
    "advertised.listeners": advertised.join(","),
    "listener.security.protocol.map": names.map((name) => `${name}:PLAINTEXT`).join(","),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": join(broker.folder, "data"),
    // A topic that nobody created is a mistake in a test, not a reason to make one with default settings.
    "auto.create.topics.enable": false,
    "default.replication.factor": replicas,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": replicas,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": inSync,
    ...quickSettings,
  };
}

/** What shortens starts, rebalances and takeovers; production's values suit production's sizes. */
const quickSettings: KafkaSettings = {
  "group.initial.rebalance.delay.ms": 0,
  "offsets.topic.num.partitions": 4,
  "transaction.state.log.num.partitions": 2,
  "share.coordinator.state.topic.num.partitions": 2,
  "log.cleaner.dedupe.buffer.size": 4_194_304,
  "broker.heartbeat.interval.ms": 250,
  "broker.session.timeout.ms": 2000,
};

/** As Kafka reads them from a file. */
export function propertiesText(settings: KafkaSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
