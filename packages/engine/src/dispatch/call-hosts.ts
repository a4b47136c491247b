import { BlockList, isIP } from "node:net";

/**
 * Where calls may go: the setting `callHosts`.
 *
 * An entry is a name (`api.example.com`), all names below one (`*.example.com`), any name (`*`), an
 * address (`10.0.0.7`, `[::1]`), each of them with or without a port, or a range of addresses
 * (`10.0.0.0/8`). Names say which URLs there may be; addresses that are not public have to be listed
 * as such, whatever name led to them, for whoever owns a name says what address it has. `localhost`
 * alone means an address by itself.
 */
export class CallHosts {
  readonly #entries: readonly Entry[];

  /** @throws Error that names the entry that cannot be read */
  constructor(entries: readonly string[]) {
    this.#entries = entries.map(readEntry);
  }

  get areNone(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether a request may be made to a URL, as far as the URL can tell. */
  allowsUrl(url: URL): boolean {
    const host = hostOf(url);
    const port = portOf(url);
    const isAddress = isIP(host) !== 0;
    return this.#entries.some(
      (entry) =>
        (entry.port === undefined || entry.port === port) &&
        (isAddress
          ? (entry.covers?.(host) ?? (entry.names === "*" && isPublic(host)))
          : entry.names !== undefined && namesHost(entry.names, host)),
    );
  }

  /** Whether a connection may be made to an address that a host of an allowed URL has. */
  readonly allowsAddress = (found: string, host: string, port: number): boolean => {
    const address = found.replace(/%.*$/, ""); // the interface of a link-local one
    return (
      isPublic(address) ||
      this.#entries.some(
        (entry) =>
          (entry.port === undefined || entry.port === port) &&
          (entry.covers?.(address) ??
            (entry.names === "localhost" && isLocalhost(host) && loopback.covers(address))),
      )
    );
  };
}

interface Entry {
  readonly port: number | undefined;
  /** `*`, `*.example.com` or a name. */
  readonly names?: string;
  readonly covers?: (address: string) => boolean;
}

/** The host of a URL as it is compared: in lower case, without brackets or a dot at the end. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$|\.$/g, "");
}

function portOf({ port, protocol }: URL): number {
  return Number(port || (protocol === "https:" ? 443 : 80));
}

function readEntry(text: string): Entry {
  if (/^[\da-fA-F:.]+\/\d{1,3}$/.test(text))
    return { port: undefined, covers: rangeOf([text]).covers };
  if (isIP(text) === 6) return { port: undefined, covers: exactly(text) };
  const [, wildcard = "", host = "", port] = /^(\*\.)?(.*?)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (text === "*" || /^\*:\d/.test(text)) return { port: portIn(port, text), names: "*" };
  const url = `http://${host}`;
  if (host === "" || /[/?#@\s\\*]/.test(host) || !URL.canParse(url)) throw unreadable(text);
  const name = hostOf(new URL(url));
  if (isIP(name) === 0) return { port: portIn(port, text), names: `${wildcard}${name}` };
  if (wildcard !== "") throw unreadable(text);
  return { port: portIn(port, text), covers: exactly(name) };
}

function portIn(port: string | undefined, text: string): number | undefined {
  if (port === undefined) return undefined;
  if (Number(port) < 1 || Number(port) > 65_535) throw unreadable(text);
  return Number(port);
}

function unreadable(text: string): Error {
  return new Error(`${text} is neither a host, nor an address, nor a range of addresses`);
}

function namesHost(names: string, host: string): boolean {
  if (names === "*") return true;
  return names.startsWith("*.") ? host.endsWith(names.slice(1)) : host === names;
}

/** By RFC 6761 this name is this machine, and nobody's to give away. */
function isLocalhost(host: string): boolean {
  return /^localhost\.?$/.test(host);
}

function exactly(address: string): (other: string) => boolean {
  return rangeOf([`${address}/${isIP(address) === 6 ? 128 : 32}`]).covers;
}

interface Range {
  covers(address: string): boolean;
}

/** @throws Error for what is no range */
function rangeOf(ranges: readonly string[]): Range {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    const family = isIP(address);
    if (family === 0 || Number(bits) > (family === 6 ? 128 : 32)) throw unreadable(range);
    list.addSubnet(address, Number(bits), family === 6 ? "ipv6" : "ipv4");
  }
  return { covers: (address) => list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4") };
}

const loopback = rangeOf(["127.0.0.0/8", "::1/128"]);

/** What IANA's registries of special-purpose addresses do not call globally reachable, and multicast. */
const special4 = rangeOf([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
]);

/** Of IPv6 only what is handed out is public; of that, not what is special or holds an IPv4 address. */
const global6 = rangeOf(["2000::/3"]);
const special6 = rangeOf(["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]);

function isPublic(address: string): boolean {
  if (isIP(address) === 6) return global6.covers(address) && !special6.covers(address);
  return !special4.covers(address);
}
