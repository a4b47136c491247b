import { randomUUID } from "node:crypto";

/** How a server is started, and, where it runs in a container, the name by which signals reach it. */
export interface Launch {
  readonly command: readonly [string, ...string[]];
  readonly container?: string;
}

/**
 * Runs a server from its official image, for machines without the server itself.
 *
 * It uses the host's network, so that ports, addresses and configuration are those of a plain process
 * (on Docker Desktop: switch host networking on). Written to Docker's documentation and never run, for
 * want of a daemon.
 */
export function inDocker(
  image: string,
  folder: string,
  program: string,
  args: readonly string[],
): Launch {
  const container = `millrace-${randomUUID()}`;
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const options = ["--rm", "--name", container, "--network", "host", "--user", user];
  const mount = ["--volume", `${folder}:${folder}`, "--entrypoint", program];
  return { command: ["docker", "run", ...options, ...mount, image, ...args], container };
}
