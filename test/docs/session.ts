import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import mqtt from "mqtt";
import { expect } from "vitest";
import { embeddedInstallation, type MillraceProcess } from "../support/millrace.ts";
import { until } from "../support/until.ts";
import type { Fence } from "./page.ts";

/**
 * What a page tells its reader to type, typed: one installation in one folder, on ports of its own, and the
 * blocks of commands in the page's order. What a block should print stands in the `text` block below it.
 */
const bin = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
/** Loaded by a process whose clock shall be ahead. */
const ahead = fileURLToPath(new URL("../support/clock-ahead.mjs", import.meta.url));

/** By what is published it is seen that a subscription is there. */
const PROBE = "anybody-there";

export class Session {
  readonly #installation = embeddedInstallation("flows");
  readonly #subscribers: { readonly child: ChildProcess; output: string }[] = [];
  /** Words of the page by what they are here: ids and traces are others each time. */
  readonly #words = new Map<string, string>();
  #process: MillraceProcess | undefined;
  #aheadMs = 0;

  readonly #stir: () => Promise<void>;

  /** @param stir makes something happen, for a command that shows what happens */
  constructor(stir: () => Promise<void> = async () => {}) {
    this.#stir = stir;
  }

  get folder(): string {
    return dirname(this.#installation.dataFolder ?? "");
  }

  get process(): MillraceProcess {
    if (this.#process === undefined) throw new Error("nothing was started");
    return this.#process;
  }

  /** From now on `page` is written `here`. */
  rename(page: string, here: string): void {
    this.#words.set(page, here);
  }

  async start(...args: readonly string[]): Promise<void> {
    const env = {
      NODE_OPTIONS: `--import=${ahead}`,
      CLOCK_AHEAD_MS: String(this.#aheadMs),
    };
    this.#process = await this.#installation.start({ args, env });
  }

  /** Types the lines of a block. @returns what they print, standard error with it */
  async type({ text }: Fence, expected: Fence | undefined): Promise<void> {
    const printed: string[] = [];
    const lines = text.replaceAll("\\\n", "").split("\n");
    for (const line of lines) {
      if (line.trim() === "" || line.startsWith("#") || line.startsWith("export PATH=")) continue;
      printed.push(await this.#typed(line));
    }
    if (expected === undefined) return;
    if (lines.some((line) => line.startsWith("mqtt sub")))
      return await this.#receives(expected.text);
    // Of several questions to the API, a page shows the first answer.
    const [first = ""] = printed;
    this.#compare(first.startsWith("{") ? first : printed.join(""), expected.text);
  }

  async #typed(line: string): Promise<string> {
    const start = /^millrace start ([^&]*)&$/.exec(line);
    if (start !== null) {
      const args = (start[1] ?? "").trim().split(" ");
      await this.start(...args.filter((arg) => arg !== ""));
      return logLines(this.process);
    }
    if (line === "kill -9 %millrace") {
      await this.process.kill();
      await this.#ended();
      // "Wait until the minute is over": the next one's clock is there already.
      this.#aheadMs += 61_000;
      return "";
    }
    if (/^kill %millrace(; wait %millrace)?$/.test(line)) {
      expect(await this.process.stop()).toBe(0);
      await this.#ended();
      return "";
    }
    if (line.startsWith("mqtt sub ")) return await this.#subscribe(line);
    if (/^(millrace journal tail|curl -N)\b/.test(line)) return await this.#look(line);
    return await this.#run(line);
  }

  async #run(line: string): Promise<string> {
    const child = this.#spawn(line);
    let output = "";
    child.stdout?.on("data", (chunk) => (output += String(chunk)));
    child.stderr?.on("data", (chunk) => (output += String(chunk)));
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    // What comes out otherwise is an answer, too.
    const wanted = line.includes("flow verify") && line.includes("--with") ? [0, 1] : [0];
    expect(wanted, `${line}\n${output}`).toContain(code);
    return output;
  }

  /** A command that shows what happens until Ctrl-C: it is made to happen. */
  async #look(line: string): Promise<string> {
    const child = this.#spawn(`exec ${line}`);
    let output = "";
    child.stdout?.on("data", (chunk) => (output += String(chunk)));
    const gone = new Promise((resolve) => child.once("close", resolve));
    await until(async () => {
      await this.#stir();
      return output !== "";
    });
    child.kill("SIGINT");
    await gone;
    return output;
  }

  async #subscribe(line: string): Promise<string> {
    const subscriber = { child: this.#spawn(`exec ${line}`), output: "" };
    this.#subscribers.push(subscriber);
    subscriber.child.stdout?.on("data", (chunk) => (subscriber.output += String(chunk)));
    const topic = (/-t '?([^ ']+)/.exec(line)?.[1] ?? "").replace("+", "somebody");
    const client = await mqtt.connectAsync(this.process.mqtt);
    await until(async () => {
      await client.publishAsync(topic, PROBE);
      return subscriber.output.includes(PROBE);
    });
    await client.endAsync();
    return "";
  }

  async #receives(text: string): Promise<void> {
    const subscriber = this.#subscribers.at(-1);
    const received = (): string =>
      (subscriber?.output ?? "").replaceAll(new RegExp(`^.* ${PROBE}\n`, "gm"), "");
    await until(() => received() === text);
  }

  #spawn(line: string): ChildProcess {
    const { http = "", mqtt = "" } = this.#process ?? {};
    let here = line.replaceAll("http://127.0.0.1:8080", http);
    for (const [page, ours] of this.#words) here = here.replaceAll(page, ours);
    here = here
      .replace(/^((?:exec )?curl) /, "$1 -sS --fail-with-body ")
      .replace(
        /^((?:exec )?mqtt (?:pub|sub)) /,
        (command) => `${command}-h 127.0.0.1 -p ${new URL(mqtt).port} `,
      );
    return spawn("bash", ["-c", here], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: [bin, dirname(process.execPath), process.env["PATH"]].join(delimiter),
        MILLRACE_URL: http,
        TZ: process.env["TZ"] ?? "",
      },
    });
  }

  #compare(printed: string, expected: string): void {
    expect(masked(printed)).toEqual(masked(expected));
    const traces = (text: string): readonly string[] => text.match(/\b[0-9a-f]{32}\b/g) ?? [];
    const found = traces(printed);
    for (const [i, trace] of traces(expected).entries()) this.rename(trace, found[i] ?? trace);
  }

  async end(): Promise<void> {
    await this.#ended();
    await this.#process?.stop();
  }

  async #ended(): Promise<void> {
    for (const { child } of this.#subscribers.splice(0)) {
      const gone = new Promise((resolve) => child.once("close", resolve));
      const isOver = child.exitCode !== null || child.signalCode !== null;
      child.kill();
      if (!isOver) await gone;
    }
  }
}

const levels: Readonly<Record<number, string>> = { 30: "INFO", 40: "WARN", 50: "ERROR" };

/** What a terminal shows of its log, up to the line that says that it is ready. */
function logLines({ output }: MillraceProcess): string {
  const lines = output.split("\n");
  const ready = lines.findIndex((line) => line.startsWith("millrace ready "));
  return lines
    .slice(0, ready + 1)
    .map((line) => {
      if (!line.startsWith("{")) return `${line}\n`;
      const {
        level,
        time: _time,
        role: _role,
        msg,
        ...facts
      } = JSON.parse(line) as {
        level: number;
        msg: string;
      } & Record<string, unknown>;
      const rest = Object.keys(facts).length === 0 ? "" : ` ${JSON.stringify(facts)}`;
      return `[00:00:00] ${levels[level]}: ${msg}${rest}\n`;
    })
    .join("");
}

/** Lines without what is another each time, and without the room that it takes. */
function masked(text: string): string[] {
  const traces = [...new Set(text.match(/\b[0-9a-f]{32}\b/g))];
  return text
    .trimEnd()
    .replaceAll(/\b[0-9a-f]{32}\b/g, (trace) => `TRACE ${traces.indexOf(trace)}`)
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "TIME")
    .replaceAll(/\[\d\d:\d\d:\d\d\]/g, "[TIME]")
    .replaceAll(/\b1\d{12}\b/g, "MS")
    .replaceAll(/\b[so]-[a-z0-9]{10}\b/g, "ID")
    .replaceAll(/mqttjs_[0-9a-f]+/g, "CLIENT")
    .replaceAll(/[█·]{32}/g, "BAR")
    .replaceAll(/\+?\d+ ms\b|\+\d+ /g, "N ")
    .replaceAll(/\d+ steps\/s, \d+ a second/g, "N steps/s, N a second")
    .replaceAll(/\d+ records, \d+\/s, \d+ a second/g, "N records, N/s, N a second")
    .replaceAll(/(journal|events)([ /])\d+( at \d+)?/g, "$1$2N")
    .replaceAll(/^\d-\d+ /gm, "N-N ")
    .replaceAll(/(mqtt|http):\/\/127\.0\.0\.1:\d+/g, "$1://HOST")
    .replaceAll(/"generation":\d+/g, '"generation":N')
    .split("\n")
    .map((line) => line.replaceAll(/ {2,}/g, " ").trimEnd());
}
