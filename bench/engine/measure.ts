import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Figures, Task } from "./worker.ts";

/** Lets a process of its own do a task. */
export async function measure(task: Task): Promise<Figures> {
  const child = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), [
    JSON.stringify(task),
  ]);
  const ended = once(child, "exit");
  const figures = await Promise.race([
    once(child, "message").then(([message]) => message as Figures),
    ended.then(() => undefined),
  ]);
  await ended;
  if (figures === undefined) throw new Error(`the ${task.kind} process ended without figures`);
  return figures;
}
