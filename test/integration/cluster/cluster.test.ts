import { fileURLToPath } from "node:url";
import { onTestFinished, test } from "vitest";
import { clusterInstallation } from "../../support/millrace.ts";
import { kafkaForTests, redisForTests } from "../../support/servers/find.ts";
import { comesToRest, expectNothingLostOrDoubled, goesOn } from "./checker.ts";
import { RovingDevice } from "./roving-device.ts";
import { roles, Six } from "./six.ts";

/** Attacks: W1 of events-writer.ts; G4 of subscription.ts; T1 and T2 of tenure.ts; J1 of journal-writer.ts. */

const flows = fileURLToPath(new URL("../flows/counting", import.meta.url));
const deviceCount = 12;

test("two of each role: whichever is killed or stopped, no step is lost or doubled", async () => {
  const servers = { kafka: kafkaForTests(), redis: redisForTests() };
  const installation = clusterInstallation(flows, servers);
  const six = new Six(installation);
  onTestFinished(({ task }) => {
    if (task.result?.state === "fail") console.error(six.output);
  });
  await six.start();
  const devices = Array.from({ length: deviceCount }, (_, n) => new RovingDevice(`d${n + 1}`));
  for (const device of devices) device.start(() => six.gateways());
  await goesOn(devices);
  for (const how of ["kill", "stop"] as const) {
    for (const role of roles) {
      await six.end(role, how);
      await goesOn(devices);
      await six.replace(role);
      await goesOn(devices);
    }
  }
  const machines = await comesToRest(devices, six.api);
  await six.stop();
  await expectNothingLostOrDoubled(devices, machines, installation);
}, 300_000);
