import { CallHosts } from "@millrace/engine/dispatch/call-hosts";
import { MemoryLog } from "@millrace/shared/adapters/memory/log";
import { EventsWriter } from "@millrace/shared/log/events-writer";
import { describe, expect, test } from "vitest";
import { newDispatcher } from "../support/dispatched-world.ts";
import { doorFlow, faultFlow, json, openCalls as open } from "../support/door.ts";

/**
 * Calls that outlive the dispatcher that began them.
 *
 * Attacks: U1, U2 and U3 of under-way.ts; H1 of calls.ts.
 */

const id = "default/door/d1/0/1/0";
const done = "xstate.done.actor.ask";

describe("a dispatcher that dies while a call is under way", () => {
  test.each([
    ["before it is put aside", 500],
    ["after it was put aside", 5_000],
  ])("%s: the next one makes it again under the same key", async (_, ms) => {
    const { badge, dispatched, world, http, keys, causes, door } = await open(doorFlow());
    await badge();
    await world.advance(ms);
    const [first] = http.requests;
    http.host = () => json(200, "again");
    await dispatched.crash();
    expect(first?.signal.aborted).toBe(true);
    await world.advance(20_000);
    expect(keys()).toEqual([id, id]);
    const [traced, again] = http.requests.map(({ headers }) => headers["traceparent"]);
    expect(traced).toMatch(/^00-[0-9a-f]{32}-/);
    expect(again).toBe(traced);
    expect(causes().filter((cause) => cause === done)).toEqual([done]);
    expect(door().context["answer"]).toMatchObject({ body: "again" });
  });

  test("right after the answer: where the journal has it, it is not asked again", async () => {
    const { publish, dispatched, world, http, bookmark } = await open(faultFlow(), {
      partitions: 1,
    });
    http.host = (_, nth) => json(200, nth);
    await publish("fault/f1/fault", { n: 1 });
    await dispatched.crash();
    expect(bookmark()).toBeGreaterThan(0); // it was read again from the beginning
    await world.advance(20_000);
    expect(http.requests).toHaveLength(1);
    expect(world.instance("fault/f1").context["told"]).toEqual([1]);
  });

  test("in good order: the request ends with it, and is made again", async () => {
    const { badge, dispatched, world, http, door } = await open(doorFlow());
    await badge();
    await dispatched.dispatcher.stop();
    expect(http.waiting.size).toBe(0);
    http.host = () => json(200, "again");
    await dispatched.crash();
    await world.advance(5_000);
    expect(door().state).toBe("open");
  });

  test("or shares its partitions with another: each call is under way in one of them", async () => {
    const { badge, dispatched, world, http, keys } = await open(doorFlow());
    const doors = Array.from({ length: 12 }, (_, n) => `d${n}`);
    for (const door of doors) await badge(7, door);
    await world.advance(2_000); // all of them are put aside
    const calls = { http, hosts: new CallHosts(["*"]), secrets: undefined };
    const log = new MemoryLog(world.logs);
    const events = new EventsWriter(log, world.clock);
    const second = newDispatcher(world, dispatched.devices, log, events, calls);
    await second.start();
    await world.advance(2_000);
    const [here, there] = [dispatched.dispatcher, second].map(
      ({ facts }) => facts["callsUnderWay"],
    );
    expect([here, there, http.waiting.size]).toEqual([12 - (there ?? 0), there, 12]);
    expect(there).toBeGreaterThan(0);
    const ids = [...http.waiting].map(({ request }) => request.headers["idempotency-key"] ?? "");
    expect(new Set(ids).size).toBe(12);
    for (const one of ids) http.answer(one, { status: 200 });
    await world.advance(2_000);
    expect(doors.filter((door) => world.instance(`door/${door}`).state !== "open")).toEqual([]);
    expect(new Set(keys()).size).toBe(12);
    second.kill();
  });

  test("many times over, at any moment: every call is heard of once", async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const { publish, dispatched, world, http, keys } = await open(faultFlow(), {
        seed,
        partitions: 2,
      });
      const below = (max: number) => Math.floor(world.clock.random() * max);
      http.host = ({ body }) => {
        if (below(5) === 0) return { fails: "connection", afterMs: below(3_000) };
        return { ...json(200, JSON.parse(body ?? "")), afterMs: below(3_000) };
      };
      const due: string[] = [];
      for (let n = 0; n < 25; n++) {
        const name = `f${below(3)}`;
        await publish(`fault/${name}/fault`, { n });
        due.push(`${name} ${n}`);
        await world.advance(below(500));
        if (below(8) > 0) continue;
        if (below(2) === 0) await dispatched.dispatcher.stop();
        await dispatched.crash();
      }
      await world.advance(120_000);
      const heard = ["f0", "f1", "f2"].flatMap((name) => {
        const told = world.instance(`fault/${name}`).context["told"] as { n: number }[];
        return told.map(({ n }) => `${name} ${n}`);
      });
      expect({ seed, heard: heard.toSorted() }).toEqual({ seed, heard: due.toSorted() });
      expect(new Set(keys()).size).toBe(due.length);
    }
  });
});
