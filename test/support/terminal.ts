import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";

/** A program in a terminal of its own, made by `script`: it takes itself for one that somebody looks at. */
export interface Terminal {
  /** All that it has written, with what moves the cursor. */
  output(): string;
  type(text: string): void;
  readonly ended: Promise<number | null>;
}

export function inTerminal(
  command: string,
  { env, folder }: { readonly env: NodeJS.ProcessEnv; readonly folder: string },
): Terminal {
  const args =
    process.platform === "darwin"
      ? ["-q", "/dev/null", "sh", "-c", command]
      : ["-qec", command, "/dev/null"];
  const child = spawn("script", args, { cwd: folder, env, stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  return {
    output: () => output,
    type: (text) => void child.stdin.write(text),
    ended: new Promise((resolve) => child.once("close", resolve)),
  };
}
