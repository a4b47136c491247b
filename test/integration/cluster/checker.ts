import { expect } from "vitest";
import type { Instance } from "@millrace/shared/contract/instance";
import { journalOf } from "../../support/journal.ts";
import type { MillraceProcess, TestInstallation } from "../../support/millrace.ts";
import { until } from "../../support/until.ts";
import type { RovingDevice } from "./roving-device.ts";

/** The work goes on when every device has had answers to a few more events. */
const MORE = 5;
const GOES_ON_MS_MAX = 40_000;

export async function goesOn(devices: readonly RovingDevice[]): Promise<void> {
  const before = devices.map(({ acknowledged, echoed }) => [acknowledged.length, echoed.length]);
  const went = () =>
    devices.every(({ acknowledged, echoed }, at) => {
      const [events = 0, commands = 0] = before[at] ?? [];
      return acknowledged.length >= events + MORE && echoed.length >= commands + MORE;
    });
  await until(went, GOES_ON_MS_MAX);
}

/**
 * The devices publish no more, have got a command for every event, and each machine's timer has fired.
 * @returns the machines as the API gives them
 */
export async function comesToRest(
  devices: readonly RovingDevice[],
  api: MillraceProcess,
): Promise<readonly Instance[]> {
  await Promise.all(devices.map((device) => device.finish()));
  const missing = ({ acknowledged, echoed }: RovingDevice) =>
    acknowledged.filter((id) => !echoed.includes(id));
  await until(() => devices.every((device) => missing(device).length === 0), GOES_ON_MS_MAX);
  let machines: readonly (Instance | undefined)[] = [];
  await until(async () => {
    machines = await machinesOf(devices, api);
    return machines.every((machine) => machine?.state === "resting");
  });
  return machines as readonly Instance[];
}

export function machinesOf(
  devices: readonly RovingDevice[],
  api: MillraceProcess,
): Promise<readonly (Instance | undefined)[]> {
  return Promise.all(devices.map(({ name }) => api.instance("counting", name)));
}

/**
 * Compares what the devices know with the journal and with what the API said: every acknowledged event
 * is one step, in order; every step's command came; and the state is what the journal says.
 */
export async function expectNothingLostOrDoubled(
  devices: readonly RovingDevice[],
  machines: readonly Instance[],
  installation: TestInstallation,
): Promise<void> {
  const { steps, rejections } = await journalOf(installation);
  expect(rejections.map(({ code, detail, cause }) => ({ code, detail, cause }))).toEqual([]);
  expect([...steps.keys()].toSorted()).toEqual(devices.map(({ name }) => name).toSorted());
  for (const { name, acknowledged, echoed } of devices) {
    const history = steps.get(name) ?? [];
    expect(history.map(({ instance }) => instance.seq)).toEqual(history.map((_, at) => at + 1));
    const taken = history.flatMap(({ cause }) => (cause.kind === "device" ? [cause.id] : []));
    expect(taken).toEqual(acknowledged);
    expect(new Set(echoed)).toEqual(new Set(acknowledged));
    const { state, context } = history.at(-1)?.instance ?? {};
    expect(context?.["events"]).toEqual(acknowledged);
    expect(machines.find(({ key }) => key === name)).toMatchObject({ state, context });
  }
}
