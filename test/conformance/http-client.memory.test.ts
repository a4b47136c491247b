import { systemClock } from "@millrace/shared/ports/clock";
import { SimHttp } from "../support/sim-http.ts";
import { type Handler, httpClientSuite } from "./http-client.suite.ts";

httpClientSuite("the simulated world", async () => {
  const client = new SimHttp(systemClock);
  const hosts = new Map<string, Handler>();
  client.host = ({ method, url, headers, body = "" }) => {
    const handler = hosts.get(url.host);
    if (handler === undefined) return { fails: "refused" };
    const answer = handler({ method, path: `${url.pathname}${url.search}`, headers, body });
    if (answer === "silence") return undefined;
    return answer === "breaks" ? { fails: "connection" } : answer;
  };
  return {
    client,
    nowhere: "http://nowhere.example/",
    async serve(handler) {
      const host = `host${hosts.size}.example`;
      hosts.set(host, handler);
      return `http://${host}`;
    },
  };
});
