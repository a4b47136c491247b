/** As much of a Dockerfile as ours has; what is not known here is an error, so that nothing is passed over. */

export type Step =
  | { readonly do: "run"; readonly script: string }
  | {
      readonly do: "copy";
      readonly from: string | undefined;
      readonly sources: readonly string[];
      readonly to: string;
    }
  | { readonly do: "workdir"; readonly folder: string }
  | { readonly do: "env"; readonly name: string; readonly value: string };

export interface Stage {
  readonly name: string | undefined;
  /** Another stage, or an image. */
  readonly base: string;
  readonly steps: readonly Step[];
}

/** What is started of the last stage. */
export interface Start {
  readonly user: string;
  readonly volumes: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
}

export interface Dockerfile {
  readonly stages: readonly Stage[];
  readonly start: Start;
}

export function parseDockerfile(text: string): Dockerfile {
  const stages: (Stage & { readonly steps: Step[] })[] = [];
  let start: Start = { user: "0:0", volumes: [], entrypoint: [], cmd: [], healthcheck: [] };
  const lines = text.replaceAll(/^#.*$/gm, "").replaceAll("\\\n", " ").split("\n");
  for (const line of lines.map((one) => one.trim()).filter((one) => one !== "")) {
    const [, word = "", rest = ""] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    const steps = stages.at(-1)?.steps ?? [];
    switch (word) {
      case "FROM": {
        const [base = "", , name] = rest.split(/\s+/);
        stages.push({ name, base, steps: [] });
        break;
      }
      case "RUN":
        steps.push({ do: "run", script: rest });
        break;
      case "COPY": {
        const words = rest.split(/\s+/);
        const from = words[0]?.startsWith("--from=") ? words.shift()?.slice(7) : undefined;
        const to = words.pop() ?? "";
        steps.push({ do: "copy", from, sources: words, to });
        break;
      }
      case "WORKDIR":
        steps.push({ do: "workdir", folder: rest });
        break;
      case "ENV": {
        const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(rest) ?? [];
        steps.push({ do: "env", name, value });
        break;
      }
      case "USER":
        start = { ...start, user: rest };
        break;
      case "VOLUME":
        start = { ...start, volumes: [...start.volumes, rest] };
        break;
      case "ENTRYPOINT":
        start = { ...start, entrypoint: JSON.parse(rest) as string[] };
        break;
      case "CMD":
        start = { ...start, cmd: JSON.parse(rest) as string[] };
        break;
      case "HEALTHCHECK":
        start = {
          ...start,
          healthcheck: JSON.parse(/CMD (\[.*)$/.exec(rest)?.[1] ?? "") as string[],
        };
        break;
      case "EXPOSE":
        break;
      default:
        throw new Error(`a Dockerfile with ${word} is not understood here`);
    }
  }
  return { stages, start };
}
