import { UndiciClient } from "@millrace/shared/adapters/http/client";
import { onTestFinished } from "vitest";
import { HttpHost } from "../support/http-host.ts";
import { httpClientSuite } from "./http-client.suite.ts";

httpClientSuite("undici", async () => {
  const client = new UndiciClient({ allows: () => true });
  onTestFinished(() => client.close());
  const gone = await HttpHost.open(() => {});
  const nowhere = `http://127.0.0.1:${gone.port}/`;
  await gone.close();
  return {
    client,
    nowhere,
    async serve(handler) {
      const host = await HttpHost.open((arrived, response) => {
        const answer = handler(arrived);
        if (answer === "breaks") response.destroy();
        else if (answer !== "silence")
          response.writeHead(answer.status, answer.headers).end(answer.body);
      });
      return `http://127.0.0.1:${host.port}`;
    },
  };
});
