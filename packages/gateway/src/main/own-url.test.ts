import { describe, expect, test } from "vitest";
import { ownUrl } from "./own-url.ts";

describe("the address that a gateway tells others", () => {
  test.each([
    ["127.0.0.1", "ws://127.0.0.1:4000"],
    ["::1", "ws://[::1]:4000"],
    ["gateway-0.gateways", "ws://gateway-0.gateways:4000"],
  ])("is %s as it is bound to it", (host, url) => {
    expect(ownUrl(host, 4_000)).toBe(url);
  });

  test.each(["0.0.0.0", "::"])(
    "is one that can be connected to where it is bound to %s",
    (host) => {
      const { hostname, port } = new URL(ownUrl(host, 4_000));
      expect(["0.0.0.0", "[::]", ""]).not.toContain(hostname);
      expect(port).toBe("4000");
    },
  );
});
