import { describe, expect, test } from "vitest";
import { CallHosts } from "./call-hosts.ts";

/** Attacks: H2 of calls.ts. */

function allows(entries: readonly string[], url: string): boolean {
  return new CallHosts(entries).allowsUrl(new URL(url));
}

describe("the hosts that calls may go to", () => {
  test.each([
    ["api.example.com", "https://api.example.com/x"],
    ["api.example.com", "https://API.example.com.:8443/"],
    ["API.Example.com", "http://api.example.com/"],
    ["api.example.com:443", "https://api.example.com/"],
    ["api.example.com:8443", "https://api.example.com:8443/"],
    ["*.example.com", "https://a.b.example.com/"],
    ["bücher.example", "https://xn--bcher-kva.example/"],
    ["*", "https://anything.example/"],
    ["*:443", "https://anything.example/"],
    ["*", "http://93.184.216.34/"],
    ["localhost", "http://localhost:3000/"],
    ["127.0.0.1:3000", "http://127.0.0.1:3000/"],
    ["127.0.0.1", "http://0x7f.1:3000/"],
    ["10.0.0.0/8", "http://10.20.30.40/"],
    ["[::1]:3000", "http://[::1]:3000/"],
    ["::1", "http://[0:0::1]/"],
    ["fd00::/8", "http://[fd12::1]/"],
  ])("are by %s allowed to be %s", (entry, url) => {
    expect(allows([entry], url)).toBe(true);
  });

  test.each([
    ["", "https://api.example.com/"],
    ["api.example.com", "https://example.com/"],
    ["api.example.com", "https://api.example.com.evil.example/"],
    ["api.example.com:443", "http://api.example.com/"],
    ["*.example.com", "https://example.com/"],
    ["*.example.com", "https://evilexample.com/"],
    ["*:443", "http://anything.example/"],
    ["*", "http://10.0.0.1/"],
    ["*", "http://2130706433/"],
    ["*", "http://[::1]/"],
    ["*", "http://[::ffff:93.184.216.34]/"],
    ["10.0.0.0/8", "http://11.0.0.1/"],
    ["10.0.0.0/8", "http://internal.example/"],
    ["127.0.0.1:3000", "http://127.0.0.1:3001/"],
    ["localhost", "http://127.0.0.1/"],
  ])("are by %s not allowed to be %s", (entry, url) => {
    expect(allows(entry === "" ? [] : [entry], url)).toBe(false);
  });

  test.each([
    "https://api.example.com",
    "api.example.com/path",
    "me@example.com",
    "a b",
    "10.0.0.0/33",
    "example.com/8",
    "api.example.com:99999",
    "*.10.0.0.1",
    "a.*.example",
    "[::1",
  ])("cannot be %s", (entry) => {
    expect(() => new CallHosts([entry])).toThrow(entry);
  });
});

describe("the addresses that a listed name may have", () => {
  const special = [
    ["0.0.0.0", "this network"],
    ["10.1.2.3", "private"],
    ["100.64.0.1", "carrier-grade NAT"],
    ["127.0.0.1", "loopback"],
    ["169.254.169.254", "link-local"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["192.168.1.1", "private"],
    ["198.18.0.1", "benchmarks"],
    ["224.0.0.1", "multicast"],
    ["255.255.255.255", "broadcast"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["::ffff:10.0.0.1", "IPv4-mapped"],
    ["::ffff:8.8.8.8", "IPv4-mapped"],
    ["64:ff9b::a00:1", "NAT64"],
    ["2002:a00:1::", "6to4"],
    ["2001:0:1::", "Teredo"],
    ["fc00::1", "unique-local"],
    ["fd12:3456::1", "unique-local"],
    ["fe80::1", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["ff02::1", "multicast"],
  ];

  test.each(special)("are not %s (%s), whatever names are listed", (address) => {
    const hosts = new CallHosts(["*", "people.example", "people.example:80"]);
    expect(hosts.allowsAddress(address, "people.example", 80)).toBe(false);
  });

  test.each(["8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"])(
    "are public ones: %s",
    (address) => {
      expect(new CallHosts(["people.example"]).allowsAddress(address, "people.example", 80)).toBe(
        true,
      );
    },
  );

  test("are those that are listed as addresses", () => {
    const hosts = new CallHosts(["people.example", "10.0.0.0/8", "192.168.1.7:8080"]);
    const may = (address: string, port: number) =>
      hosts.allowsAddress(address, "people.example", port);
    expect([may("10.9.9.9", 80), may("192.168.1.7", 8080)]).toEqual([true, true]);
    expect([may("192.168.1.7", 80), may("192.168.1.8", 8080)]).toEqual([false, false]);
  });

  test("are this machine's for `localhost` alone, and only where it is listed", () => {
    const hosts = new CallHosts(["localhost:3000", "people.example"]);
    expect(hosts.allowsAddress("127.0.0.1", "localhost", 3000)).toBe(true);
    expect(hosts.allowsAddress("::1", "localhost", 3000)).toBe(true);
    expect(hosts.allowsAddress("127.0.0.1", "localhost", 3001)).toBe(false);
    expect(hosts.allowsAddress("10.0.0.1", "localhost", 3000)).toBe(false);
    expect(hosts.allowsAddress("127.0.0.1", "people.example", 3000)).toBe(false);
    expect(new CallHosts(["*"]).allowsAddress("127.0.0.1", "localhost", 3000)).toBe(false);
  });
});
