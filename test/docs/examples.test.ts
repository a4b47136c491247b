import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkDeployments } from "@millrace/shared/flow/deployment-file";
import { loadFile, writeFault } from "@millrace/shared/flow/load";
import { describe, expect, test } from "vitest";
import { root } from "../tidy/source-files.ts";
import { play } from "./play.ts";

/** The flows in examples/ do what their headers say. */

/** One run for each file, in the language of docs/flows.md. */
const runs: Readonly<Record<string, string>> = {
  "motion-light.yaml": `
publish site/hall/motion {"lux": 55}
  motion-light/hall is idle
publish site/hall/motion {"lux": 12}
  motion-light/hall is lit
  command light to site/hall/light/set {"level": 100}
publish site/hall/clear {}
  command light {"level": 20}
advance 30s
  motion-light/hall is idle
  command light {"level": 0}
publish site/hall/motion {"lux": "dark"}
  rejected schema
`,
  "motion-light-pair.yaml": `
publish sensor/stairs-sensor/motion {"lux": 55}
  motion-light-pair/stairs is dark
publish sensor/stairs-sensor/motion {"lux": 12}
  motion-light-pair/stairs is lit
  command light to lamp/stairs-lamp/set {"level": 100, "seen": "stairs-sensor"}
publish sensor/other/motion {"lux": 12}
  nothing
publish sensor/stairs-sensor/clear {}
  command light {"level": 20}
crash
advance 30s
  motion-light-pair/stairs is dark
  command light to lamp/stairs-lamp/set {"level": 0}
publish sensor/stairs-sensor/motion {"lux": "dark"}
  rejected schema
`,
  "stairs.yaml": `
publish sensor/stairs-sensor/motion {"lux": 12}
  motion-light-pair/stairs things {"sensor": "stairs-sensor", "light": "stairs-lamp"}
undeploy stairs
publish sensor/stairs-sensor/clear {}
  nothing
`,
  "silent-device.yaml": `
publish beat/pump-7 {"battery": 0.9}
  silent-device/pump-7 is heard
  silent-device/pump-7 wakes in 5m
advance 4m
publish beat/pump-7 {}
  silent-device/pump-7 wakes in 5m
crash
advance 299999ms
  nothing
advance 1ms
  silent-device/pump-7 is silent
  publish alerts key pump-7 type device.silent {"thing": "pump-7", "silentForMs": 300000, "alert": 1}
advance 1h
  publish alerts {"thing": "pump-7", "silentForMs": 3900000, "alert": 2}
publish beat/pump-7 {}
  silent-device/pump-7 is heard
  publish alerts key pump-7 type device.back {"thing": "pump-7", "silentForMs": 3900000}
advance 5m
  publish alerts {"thing": "pump-7", "silentForMs": 300000, "alert": 1}
`,
  "door-alarm.yaml": `
# disarmed, the door is a door
publish house/home/door {"open": true}
  door-alarm/home is {door.open, alarm.disarmed}
publish house/home/keypad {"code": "2468"}
  log warn not armed: the door is open
publish house/home/door {"open": false}

# armed after 30 s, and disarmed in time
publish house/home/keypad {"code": "2468"}
  door-alarm/home is {door.shut, alarm.on.arming}
advance 30s
  door-alarm/home is {door.shut, alarm.on.armed}
publish house/home/door {"open": true}
  door-alarm/home is {door.open, alarm.on.entering}
publish house/home/keypad {"code": "1111"}
  door-alarm/home context {"wrong": 1}
advance 29999ms
  nothing
publish house/home/keypad {"code": "2468"}
  door-alarm/home is {door.open, alarm.disarmed}
  door-alarm/home context {"wrong": 0}
  door-alarm/home wakes never
publish house/home/door {"open": false}

# somebody comes in and does not know the code
publish house/home/keypad {"code": "2468"}
advance 30s
publish house/home/door {"open": true}
crash
advance 30s
  door-alarm/home is {door.open, alarm.on.sounding}
  command siren to house/home/siren/set {"on": true}
advance 5m
  door-alarm/home is {door.open, alarm.on.armed}
  command siren {"on": false}

# three wrong codes, and a siren that nobody hears
device offline
publish house/home/keypad {"code": "1"}
publish house/home/keypad {"code": "2"}
publish house/home/keypad {"code": "3"}
  door-alarm/home is {door.open, alarm.on.sounding}
  command siren {"on": true}
advance 10s
  publish alerts key home type siren.unreachable {"house": "home"}
publish house/home/keypad {"code": 2468}
  rejected schema payload.code must be string
`,
  "cold-chain.yaml": `
publish coldbox/b7/lid {"open": true}
  rejected no-instance
publish coldbox/b7/reading {"celsius": 4.5}
  cold-chain/b7 is shut.cold
publish coldbox/b7/reading {"celsius": 11}
  cold-chain/b7 is shut.warm
  cold-chain/b7 wakes in 10m
advance 9m
publish coldbox/b7/lid {"open": true}
  cold-chain/b7 is open
  cold-chain/b7 wakes never
advance 1h
crash
publish coldbox/b7/lid {"open": false}
  cold-chain/b7 is shut.warm
  cold-chain/b7 wakes in 10m
publish coldbox/b7/reading {"celsius": 900}
  rejected schema payload.celsius must be <= 80
publish coldbox/b7/reading {"celsius": 3}
  cold-chain/b7 is shut.cold
publish coldbox/b7/reading {"celsius": 12}
advance 10m
  cold-chain/b7 is shut.spoilt
  publish cold-chain key b7 type goods.spoilt {"box": "b7", "warmest": 12}
publish coldbox/b7/lid {"open": true}
publish coldbox/b7/lid {"open": false}
  cold-chain/b7 is shut.spoilt
publish coldbox/b7/delivered {}
  cold-chain/b7 status done
  cold-chain/b7 output {"spoilt": true, "warmest": 12}
publish coldbox/b7/reading {"celsius": 2}
  cold-chain/b7 generation 2
  cold-chain/b7 is shut.cold
`,
};

const files = globSync("*.{yaml,yml,json}", { cwd: join(root, "examples") }).sort();

describe("examples/", () => {
  test("has a run here for every file", () => {
    expect(files).toEqual(Object.keys(runs).sort());
  });

  test.each(files)("%s does what it says", async (file) => {
    await play(besides(file), runOf(file, runs[file] ?? ""));
  });

  test.each(files)("%s has no fault, not even a warning", (file) => {
    const loaded = besides(file).map(({ text }) => loadFile(text, file));
    const flows = loaded.flatMap((one) => one.flows);
    const deployments = loaded.flatMap((one) => one.deployments);
    const checked = checkDeployments(deployments, (_ns, name) =>
      flows.find((flow) => flow.name === name),
    );
    const faults = [...loaded, checked].flatMap((one) => one.faults);
    expect(faults.map(writeFault)).toEqual([]);
  });

  test.each(files.filter((file) => file !== "motion-light.yaml"))(
    "%s leaves the simulated fleet's topics alone",
    (file) => {
      const { flows } = loadFile(textOf(file), file);
      const topics = flows.flatMap(({ file: { inputs = {}, commands = {} } }) =>
        [...Object.values(inputs), ...Object.values(commands)].map((one) => one.topic),
      );
      expect(topics.filter((topic) => /^(site|\+|#)/.test(topic))).toEqual([]);
    },
  );

  test.each(files)("%s says at its top how to try it, and it works", async (file) => {
    const publishes = Array.from(
      textOf(file).matchAll(/^# +mosquitto_pub -t (\S+) -m '(.*?)'(.*)$/gm),
      ([, topic, payload, remark = ""]) => ({ topic, payload, rejected: /rejected/.test(remark) }),
    );
    expect(publishes.length).toBeGreaterThan(0);
    const lines = publishes.map(
      ({ topic, payload, rejected }) =>
        `publish ${topic} ${payload}${rejected ? "\n  rejected schema" : ""}`,
    );
    const { steps } = await play(besides(file), runOf(file, lines.join("\n")));
    expect(steps).toBeGreaterThan(0);
  });
});

/** A file, and those that it does nothing without: a deployment and its flow. */
function besides(file: string): { text: string }[] {
  const texts = files.map((name) => ({
    name,
    text: textOf(name),
    ...loadFile(textOf(name), name),
  }));
  const ofFile = texts.filter(({ name }) => name === file);
  const flows = new Set(
    ofFile.flatMap((one) => [
      ...one.flows.map(({ name }) => name),
      ...one.deployments.map(({ flow }) => flow),
    ]),
  );
  return texts.filter(
    (one) =>
      one.flows.some(({ name }) => flows.has(name)) ||
      one.deployments.some(({ flow }) => flows.has(flow)),
  );
}

function textOf(file: string): string {
  return readFileSync(join(root, "examples", file), "utf8");
}

function runOf(heading: string, text: string) {
  return { info: "text run", heading, line: 1, text };
}
