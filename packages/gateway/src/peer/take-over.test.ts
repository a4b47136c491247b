import { MemorySessionStore } from "@millrace/shared/adapters/memory/session-store";
import { GatewayDirectory } from "@millrace/shared/peer/directory";
import { expect, onTestFinished, test } from "vitest";
import { SimClock } from "../../../../test/support/sim-clock.ts";
import { until } from "../../../../test/support/until.ts";
import { PeerListener } from "./peer-listener.ts";

/** How a gateway asks another one for a client, whatever the directory of sessions knows of that one. */

const LOOK_MS = 1_000;

async function open() {
  const clock = new SimClock(1);
  const sessions = new MemorySessionStore(clock);
  const takenOver: string[] = [];
  const other = await PeerListener.start({
    host: "127.0.0.1",
    port: 0,
    token: undefined,
    gateway: "other",
    service: {
      deliver: async () => ({ outcome: "none" }),
      publish: () => undefined,
      takeOver: (ns, client, connection) => takenOver.push(`${ns} ${client} ${connection}`),
    },
  });
  const directory = new GatewayDirectory({
    sessions,
    clock,
    token: undefined,
    onTrouble: () => undefined,
  });
  onTestFinished(async () => {
    directory.stop();
    await other.close();
  });
  await directory.start();
  const announce = () =>
    sessions.announce({ name: "other", url: `ws://127.0.0.1:${other.port}` }, 60_000);
  return { clock, sessions, other, directory, takenOver, announce };
}

test("a gateway that is not known yet is asked when it is", async () => {
  const { clock, directory, takenOver, announce } = await open();
  directory.takeOver("other", "default", "dev", "c1");
  await announce();
  await clock.advance(LOOK_MS);
  await until(() => takenOver.length > 0);
  expect(takenOver).toEqual(["default dev c1"]);
});

test("a connection to a gateway stays when the list of gateways is wiped", async () => {
  const { clock, sessions, other, directory, takenOver, announce } = await open();
  await announce();
  await clock.advance(LOOK_MS);
  await until(() => other.connections === 1);
  directory.takeOver("other", "default", "dev", "c1");
  await until(() => takenOver.length > 0);
  await sessions.withdraw("other");
  await clock.advance(LOOK_MS);
  directory.takeOver("other", "default", "dev", "c2");
  await until(() => takenOver.length > 1);
  expect(directory.knows("other")).toBe(true);
});
