import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { examples } from "@millrace/cli/commands/examples";
import { expect, test } from "vitest";
import { clusterInstallation, startCommand } from "../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../support/servers/find.ts";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { wordsOf } from "../support/shell-words.ts";
import { until } from "../support/until.ts";
import { root } from "../tidy/source-files.ts";

/** The examples in the help of the roles, on servers of Kafka and Redis. */
test("the help of gateway, engine and dispatcher shows how they are started", async () => {
  const servers = { kafka: kafkaForTests(), redis: redisForTests() };
  const { env } = clusterInstallation("my-flows", servers);
  const folder = newDataFolder("roles");
  mkdirSync(join(folder, "my-flows"));
  copyFileSync(join(root, "examples/motion-light.yaml"), join(folder, "my-flows", "flow.yaml"));
  for (const role of ["gateway", "engine", "dispatcher"]) {
    const [{ line } = { line: "" }] = examples[role] ?? [];
    const args = wordsOf(line)
      .slice(1)
      .map((word) => (word.startsWith("kafka://") ? servers.kafka : word))
      .map((word) => (word.startsWith("redis://") ? servers.redis : word));
    expect(args).toEqual(expect.arrayContaining([servers.kafka, servers.redis]));
    const ports = ["--http-port", "0", ...(role === "gateway" ? ["--mqtt-port", "0"] : [])];
    const server = startCommand([...args, ...ports], { ...process.env, ...env }, folder);
    await until(() => /^millrace ready /m.test(server.output()), 40_000);
    expect(await server.interrupt()).toBe(0);
  }
}, 90_000);
