import { networkInterfaces } from "node:os";

/**
 * Where dispatchers and other gateways reach this one, when MILLRACE_PEER_URL does not say so. Nobody
 * can connect to "every address": of those, the first that is not of this machine alone is told.
 */
export function ownUrl(host: string, port: number): string {
  const address = isEveryAddress(host) ? firstAddress() : host;
  return `ws://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function isEveryAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function firstAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((those) => those ?? []);
  const external = addresses.filter(({ internal }) => !internal);
  const found = external.find(({ family }) => family === "IPv4") ?? external[0];
  return found?.address ?? "127.0.0.1";
}
