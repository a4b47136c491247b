import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ConfigInput, loadConfig } from "./load.ts";

function load(input: Partial<ConfigInput>) {
  return loadConfig({ flags: {}, env: {}, file: "none.yaml", ...input });
}

function yaml(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "millrace-config-")), "millrace.yaml");
  writeFileSync(file, text);
  return file;
}

describe("settings", () => {
  test("are the defaults of one machine where nothing is given", () => {
    expect(load({})).toMatchObject({
      logUrl: "file:.millrace",
      stateUrl: "file:.millrace",
      host: "127.0.0.1",
      mqttPort: 1883,
      httpPort: 8080,
      topicPrefix: "millrace.",
      token: undefined,
    });
  });

  test("come from flags over environment over file over defaults, and say from where", () => {
    const file = yaml("mqttPort: 1\nhttpPort: 1\nlogLevel: warn\n");
    const env = { MILLRACE_MQTT_PORT: "2", MILLRACE_HTTP_PORT: "2" };
    const config = load({ flags: { mqttPort: "3" }, env, file });
    expect(config).toMatchObject({ mqttPort: 3, httpPort: 2, logLevel: "warn", host: "127.0.0.1" });
    expect(config.sources).toMatchObject({
      mqttPort: "flag",
      httpPort: "environment",
      logLevel: "millrace.yaml",
      host: "default",
    });
  });

  test("that are empty in the environment are not given", () => {
    expect(load({ env: { MILLRACE_MQTT_PORT: "" } }).mqttPort).toBe(1883);
  });

  test.each([
    {
      where: "environment",
      input: { env: { MILLRACE_MQTT_PROT: "1" } },
      near: "MILLRACE_MQTT_PORT",
    },
    { where: "file", input: { file: yaml("mqttPrt: 1") }, near: "mqttPort" },
  ])("that do not exist are refused, with the nearest that does: $where", ({ input, near }) => {
    expect(() => load(input)).toThrow(new RegExp(`CONFIG-001 .*did you mean ${near}\\?`));
  });

  test("leave alone what Kubernetes puts into the environment, and what others read", () => {
    const env = {
      MILLRACE_GATEWAY_SERVICE_HOST: "10.0.0.1",
      MILLRACE_GATEWAY_SERVICE_PORT_MQTT: "1883",
      MILLRACE_GATEWAY_PORT: "tcp://10.0.0.1:1883",
      MILLRACE_GATEWAY_PORT_1883_TCP_ADDR: "10.0.0.1",
      MILLRACE_MQTT_PORT: "tcp://10.0.0.1:1883",
      MILLRACE_URL: "http://somewhere",
      MILLRACE_TEST_KAFKA: "kafka://somewhere",
    };
    expect(load({ env }).mqttPort).toBe(1883);
  });

  test("that cannot be are refused, with what they must be", () => {
    expect(() => load({ flags: { partitions: "many" } })).toThrow(
      "--partitions from flag is many; it must be a number from 1 to 4096",
    );
    expect(() => load({ env: { MILLRACE_ALLOW: "single-broker,fire" } })).toThrow(/CONFIG-002/);
    expect(() => load({ file: yaml("mqttPort: [") })).toThrow(/CONFIG-002 .*YAML/);
    expect(() => load({ file: yaml("- a") })).toThrow(/CONFIG-002/);
  });

  test.each([
    { logUrl: "kafka://broker:99999" },
    { logUrl: "kafka://a:9092,:9092" },
    { logUrl: "kafkas://user:%zz@broker:9092" },
    { stateUrl: "redis://r:99999" },
    { peerUrl: "ws://host:99999" },
    { peerUrl: "ws://host" },
  ])("are addresses that can be read: not %j", (flags) => {
    expect(() => load({ flags })).toThrow(/CONFIG-002/);
  });

  test("say for how long the process may hang, and not that it may hardly stand still", () => {
    expect(load({ env: { MILLRACE_STALL_MS_MAX: "0" } }).stallMsMax).toBe(0);
    expect(load({ env: { MILLRACE_STALL_MS_MAX: "100" } }).stallMsMax).toBe(100);
    for (const stallMsMax of ["99", "-1", "1.5", "86400001", "forever"])
      expect(() => load({ flags: { stallMsMax } })).toThrow(/CONFIG-002 .*--stall-ms-max/);
  });

  test("say where calls may go", () => {
    expect(load({}).callHosts).toEqual([]);
    const env = { MILLRACE_CALL_HOSTS: "api.example.com:443, 10.0.0.0/8" };
    expect(load({ env }).callHosts).toEqual(["api.example.com:443", "10.0.0.0/8"]);
    const file = yaml("callHosts: ['*.example.com', localhost]");
    expect(load({ file }).callHosts).toEqual(["*.example.com", "localhost"]);
    expect(() => load({ flags: { callHosts: "a.example,https://b.example" } })).toThrow(
      "--call-hosts from flag is a.example,https://b.example; it must be hosts, addresses or ranges",
    );
  });

  test("of telemetry have OpenTelemetry's names, and other OTEL_ variables are the libraries' own", () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      OTEL_SERVICE_NAME: "rooms",
    };
    expect(load({ env })).toMatchObject({
      otlpEndpoint: "http://collector:4318",
      otlpProtocol: "http/json",
      tracesSampler: "traceidratio",
      tracesSamplerArg: 0.25,
    });
    expect(load({}).otlpEndpoint).toBeUndefined();
    for (const [name, value] of [
      ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
      ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
      ["OTEL_TRACES_SAMPLER_ARG", "2"],
      ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"],
    ] as const)
      expect(() => load({ env: { [name]: value } })).toThrow(new RegExp(`CONFIG-002 .*${name}`));
  });

  test("name a folder of secrets that is there", () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-secrets-"));
    expect(load({ env: { MILLRACE_SECRETS: folder } }).secrets).toBe(folder);
    const missing = join(folder, "none");
    expect(() => load({ env: { MILLRACE_SECRETS: missing } })).toThrow(
      `MILLRACE_SECRETS from environment is ${missing}; it must be a folder that is there`,
    );
  });

  test("that are secret are not shown", () => {
    expect(() => load({ env: { MILLRACE_TOKEN: "hunter2" } })).not.toThrow(/hunter2/);
    const url = "amqp://me:hunter2@host";
    expect(() => load({ env: { MILLRACE_LOG_URL: url } })).toThrow("amqp://…@host");
  });

  test("keep state in Redis where the log is on Kafka", () => {
    const logUrl = "kafka://127.0.0.1:9092";
    expect(() => load({ flags: { logUrl } })).toThrow(/MILLRACE_STATE_URL .*redis:\/\/host:port/);
    expect(() => load({ flags: { logUrl, stateUrl: "file:x" } })).toThrow(/CONFIG-002/);
    expect(load({ flags: { logUrl, stateUrl: "redis://r:1" } }).stateUrl).toBe("redis://r:1");
  });

  test("name a Kafka where a process serves one role of several", () => {
    expect(() => load({ role: "engine" })).toThrow(
      /MILLRACE_LOG_URL from nowhere is nothing; .*kafka:\/\/host:port.*`millrace engine`/,
    );
    const flags = { logUrl: "kafka://127.0.0.1:9092", stateUrl: "redis://r:1" };
    expect(load({ flags, role: "engine" }).logUrl).toBe(flags.logUrl);
  });

  test.each(["0.0.0.0", "10.1.2.3", "::"])("want a token to listen on %s", (host) => {
    expect(() => load({ flags: { host } })).toThrow(/CONFIG-003 .*MILLRACE_TOKEN/);
    expect(load({ flags: { host, token: "12345678" } }).host).toBe(host);
  });

  test.each(["127.0.0.1", "127.8.8.8", "::1", "localhost"])("need no token on %s", (host) => {
    expect(load({ flags: { host } }).host).toBe(host);
  });
});
