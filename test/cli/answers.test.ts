import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { runMillrace } from "../support/millrace.ts";

/** Whatever answers where MILLRACE_URL points, a command says in one line what is wrong, and ends with its code. */

/** Runs a command against a server that answers everything alike. */
async function asked(args: readonly string[], answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, stdout, stderr } = await runMillrace(args, { env: { MILLRACE_URL: url } });
  expect([stdout, stderr.split("\n").length]).toEqual(["", 2]);
  return { code, said: stderr.replace(url, "URL") };
}

const page: RequestListener = (_request, response) =>
  void response.writeHead(200, { "content-type": "text/html" }).end("<h1>It works!</h1>");

const cutOff: RequestListener = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
  response.write('{"items":[', () => response.destroy());
};

const problem =
  (status: number, code: string): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/problem+json" });
    response.end(JSON.stringify({ status, code, detail: "it is so", facts: {} }));
  };

const lamp = ["motion-light", "hall"];

describe("a command that is answered", () => {
  test.each([
    [["instance", "list"], "GET /v1/instances?limit=50 with something that is no JSON"],
    [["instance", "pause", ...lamp], "POST /v1/instances/motion-light/hall/pause with something"],
    [["journal", "tail"], "GET /v1/journal with something that is no stream of events"],
  ])("by a page of somebody else asks whether that is Millrace: %j", async (args, what) => {
    const { code, said } = await asked(args, page);
    expect([code, said]).toEqual([1, expect.stringContaining(`millrace: URL answered ${what}`)]);
    expect(said).toMatch(/; is that Millrace\? Set MILLRACE_URL to where it is\n$/);
  });

  test.each(["null", "7", '"text"'])(
    "by JSON that is no answer, %s, asks the same",
    async (text) => {
      const { code, said } = await asked(["flow", "list"], (_request, response) =>
        response.end(text),
      );
      expect([code, said]).toEqual([1, expect.stringContaining("is that Millrace?")]);
    },
  );

  test.each([
    [["instance", "list"], "GET /v1/instances?limit=50", "ask again"],
    [
      ["instance", "cancel", ...lamp],
      "POST /v1/instances/motion-light/hall/cancel",
      "look whether it was done, before you ask again",
    ],
  ])("midway, and no more, says so: %j", async (args, what, next) => {
    const { code, said } = await asked(args, cutOff);
    expect(code).toBe(3);
    expect(said).toMatch(/^millrace: the answer from URL to .* was cut off: /);
    expect(said).toContain(` to ${what} was cut off`);
    expect(said).toMatch(new RegExp(`; ${next}\n$`));
  });

  test.each([
    [503, "LOG-001", 3],
    [503, "STATE-003", 3],
    [503, "STATE-005", 1],
    [404, "API-001", 1],
  ])("%i %s ends with the code that it has where it is met at first hand", async (...given) => {
    const [status, code, exit] = given;
    const answer = await asked(["instance", "show", ...lamp], problem(status, code));
    expect([answer.code, answer.said]).toEqual([exit, `millrace: ${code} it is so\n`]);
  });

  test("by a status alone says which", async () => {
    const answer = await asked(["flow", "list"], (_request, response) => {
      response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
    });
    expect([answer.code, answer.said]).toEqual([1, "millrace: GET /v1/flows was answered 502\n"]);
  });
});

test.each([
  [["rejected", "list", "--since", "ages"], "--since ages"],
  [["rejected", "list", "--until", "ages"], "--until ages"],
  [["trace", "f".repeat(32), "--since", "ages"], "--since ages"],
])("a duration that is none is a matter of usage: %j", async (args, what) => {
  const { code, said } = await asked(args, page);
  expect([code, said]).toEqual([2, `millrace: ${what} is no duration, as 30s, 5m or 2h\n`]);
});
