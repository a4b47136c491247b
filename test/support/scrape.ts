import type { MillraceProcess } from "./millrace.ts";

/** One line of Prometheus' text format. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a process answers on `/metrics`. */
export class Scrape {
  readonly samples: readonly Sample[];

  constructor(text: string) {
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    this.samples = lines.map(sampleOf);
  }

  get names(): ReadonlySet<string> {
    return new Set(this.samples.map(({ name }) => name));
  }

  /** The sum of all samples with a name and these labels. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels);
    return this.samples
      .filter((one) => one.name === name)
      .filter((one) => wanted.every(([label, value]) => one.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }
}

/** @throws for a line that Prometheus would not take */
function sampleOf(line: string): Sample {
  const [, name = "", written = "", value = ""] =
    /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === "" || Number.isNaN(Number(value.replace("Inf", "Infinity"))))
    throw new Error(`no sample: ${line}`);
  const pairs = written.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g);
  const labels = Object.fromEntries(
    Array.from(pairs, ([, label = "", text = ""]) => [label, text]),
  );
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}

export async function scrape({ http }: MillraceProcess, token?: string): Promise<Scrape> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${http}/metrics`, { headers });
  if (!response.ok) throw new Error(`/metrics: ${response.status}`);
  return new Scrape(await response.text());
}
