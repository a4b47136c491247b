import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, matchesGlob, relative } from "node:path";
import { newDataFolder } from "../support/servers/run-folder.ts";
import { PrivateDisk } from "../support/servers/private-disk.ts";
import { isOnPath } from "../support/servers/programs.ts";
import {
  type Dockerfile,
  parseDockerfile,
  type Stage,
  type Start,
  type Step,
} from "./dockerfile.ts";

interface Layers {
  /** Where the stage is seen as a whole. */
  readonly root: string;
  /** The newest first. */
  readonly folders: readonly string[];
}

export interface Container {
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folders of this machine, by where they are seen, read-only. */
  readonly mounts?: Readonly<Record<string, string>>;
}

/**
 * The steps of a Dockerfile without Docker: each stage is layers over this machine's own system, which stands
 * for the base image, with the Node that runs the tests for its Node. What is started of it is started as
 * `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` would, but for the network, which
 * is the machine's.
 */
export class ScratchImage {
  readonly start: Start;
  readonly #private: PrivateDisk;
  readonly #disk: string;
  readonly #env: Record<string, string> = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  };
  #machineLayers: readonly string[] = [];
  #last: Layers = { root: "", folders: [] };
  #mounted = 0;

  private constructor(own: PrivateDisk, disk: string, { start }: Dockerfile) {
    this.#private = own;
    this.#disk = disk;
    this.start = start;
  }

  static get isPossible(): boolean {
    return PrivateDisk.isPossible && ["chroot", "setpriv", "npm"].every(isOnPath);
  }

  /** @param context the folder that files are copied from, with its `.dockerignore` */
  static async build(
    dockerfile: string,
    context: string,
    told: (step: string) => void,
  ): Promise<ScratchImage> {
    const file = parseDockerfile(readFileSync(dockerfile, "utf8"));
    const disk = newDataFolder("image");
    // Layers over `/` have to be on another file system.
    const image = new ScratchImage(await PrivateDisk.open(disk, "50%"), disk, file);
    await image.#build(file.stages, context, told);
    return image;
  }

  async #build(
    stages: readonly Stage[],
    context: string,
    told: (step: string) => void,
  ): Promise<void> {
    this.#machineLayers = this.#machine();
    const done = new Map<string, Layers & { readonly workdir: string }>();
    for (const { name, base: wanted, steps } of stages) {
      const over = done.get(wanted);
      this.#last = await this.#mount(over?.folders ?? this.#machineLayers, true);
      told(`FROM ${wanted}`);
      let workdir = over?.workdir ?? "/";
      for (const step of steps) {
        told(JSON.stringify(step));
        workdir = await this.#step(step, workdir, context, done);
      }
      if (name !== undefined) done.set(name, { ...this.#last, workdir });
    }
  }

  /** @returns the working folder of the next step */
  async #step(
    step: Step,
    folder: string,
    context: string,
    done: ReadonlyMap<string, Layers>,
  ): Promise<string> {
    const { root } = this.#last;
    switch (step.do) {
      case "workdir":
        mkdirSync(this.#private.seen(join(root, step.folder)), { recursive: true });
        return step.folder;
      case "env":
        this.#env[step.name] = step.value.replaceAll(
          /\$(\w+)/g,
          (_, name: string) => this.#env[name] ?? "",
        );
        return folder;
      case "copy": {
        const to = step.to.startsWith("/") ? step.to : join(folder, step.to);
        if (step.from === undefined) this.#copy(context, step.sources, join(root, to));
        else await this.#copyFrom(done.get(step.from), step.sources, join(root, to));
        return folder;
      }
      case "run": {
        const { npm_config_registry: registry } = process.env;
        const env = {
          ...this.#env,
          HOME: "/root",
          ...(registry && { npm_config_registry: registry }),
        };
        await this.#run(["chroot", root, "sh", "-c", `cd ${folder} && ${step.script}`], env);
        return folder;
      }
    }
  }

  /** This machine's system, with the Node of the tests and the user that images of Node have. */
  #machine(): readonly string[] {
    const layer = join(this.#disk, "machine");
    mkdirSync(this.#private.seen(join(layer, "usr/local/bin")), { recursive: true });
    copyFileSync(process.execPath, this.#private.seen(join(layer, "usr/local/bin/node")));
    mkdirSync(this.#private.seen(join(layer, "etc")), { recursive: true });
    for (const [file, line] of [
      ["passwd", "node:x:1000:1000::/home/node:/bin/sh"],
      ["group", "node:x:1000:"],
    ] as const) {
      const others = readFileSync(`/etc/${file}`, "utf8")
        .split("\n")
        .filter((one) => one !== "" && one.split(":")[2] !== "1000");
      writeFileSync(
        this.#private.seen(join(layer, "etc", file)),
        `${[...others, line].join("\n")}\n`,
      );
    }
    return [layer, "/"];
  }

  async #mount(folders: readonly string[], isWritable: boolean): Promise<Layers> {
    this.#mounted += 1;
    const place = join(this.#disk, String(this.#mounted));
    const [root, upper, work] = ["root", "upper", "work"].map((name) => join(place, name)) as [
      string,
      string,
      string,
    ];
    for (const one of [root, upper, work]) mkdirSync(this.#private.seen(one), { recursive: true });
    const lower = `lowerdir=${folders.join(":")}`;
    const options = isWritable ? `${lower},upperdir=${upper},workdir=${work}` : lower;
    await this.#run(["mount", "-t", "overlay", "overlay", "-o", options, root]);
    await this.#run(["mount", "-t", "proc", "proc", join(root, "proc")]);
    await this.#run(["mount", "--bind", "/dev", join(root, "dev")]);
    return { root, folders: isWritable ? [upper, ...folders] : folders };
  }

  async #run(command: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<void> {
    const [program, ...args] = this.#private.inside(command);
    const child = spawn(program, args, { env: { ...env } });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (said += String(chunk)));
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${said}`);
  }

  /** As `COPY` does: of a folder, what is in it. */
  #copy(context: string, sources: readonly string[], to: string): void {
    const isIgnored = ignored(join(context, ".dockerignore"));
    for (const source of sources) {
      const from = join(context, source);
      const isFolder = statSync(from).isDirectory();
      const target = this.#private.seen(
        !isFolder && to.endsWith("/") ? join(to, source.split("/").at(-1) ?? "") : to,
      );
      const filter = (path: string): boolean => !isIgnored(relative(context, path));
      cpSync(from, target, { recursive: true, filter, verbatimSymlinks: true });
    }
  }

  async #copyFrom(
    stage: Layers | undefined,
    sources: readonly string[],
    to: string,
  ): Promise<void> {
    if (stage === undefined) throw new Error(`there is no such stage to copy ${sources[0]} from`);
    for (const source of sources) {
      await this.#run(["mkdir", "-p", to]);
      await this.#run(["cp", "-a", `${join(stage.root, source)}/.`, to]);
    }
  }

  /** Bytes of what the image has beside its base. */
  get bytes(): number {
    const layers = this.#last.folders.slice(0, -this.#machineLayers.length);
    const files = layers.flatMap((layer) =>
      globSync("**/*", { cwd: this.#private.seen(layer), withFileTypes: true }).filter((one) =>
        one.isFile(),
      ),
    );
    return files.reduce(
      (sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size,
      0,
    );
  }

  /** Whether the image has a file. */
  has(path: string): boolean {
    return existsSync(this.#private.seen(join(this.#last.root, path)));
  }

  /** Starts a container, read-only but for its volumes, as the image's user, without any capability. */
  async run({ command = this.start.cmd, env = {}, mounts = {} }: Container): Promise<ChildProcess> {
    return await this.#start([...this.start.entrypoint, ...command], env, mounts);
  }

  /** What it has to say of its health; 0 is good. */
  async health(env: Container["env"] = {}): Promise<number | null> {
    const child = await this.#start(this.start.healthcheck, env, {});
    const [code] = (await once(child, "close")) as [number | null];
    return code;
  }

  async #start(
    command: readonly string[],
    env: NonNullable<Container["env"]>,
    mounts: NonNullable<Container["mounts"]>,
  ): Promise<ChildProcess> {
    const [user = "", group = ""] = this.start.user.split(":");
    const { volumes } = this.start;
    const points = join(this.#disk, `points-${this.#mounted}`);
    for (const place of Object.keys(mounts))
      if (!volumes.includes(place))
        mkdirSync(this.#private.seen(join(points, place)), { recursive: true });
    mkdirSync(this.#private.seen(points), { recursive: true });
    const { root } = await this.#mount([points, ...this.#last.folders], false);
    for (const [place, folder] of Object.entries(mounts))
      await this.#run(["mount", "--bind", "-o", "ro", folder, join(root, place)]);
    for (const place of volumes) {
      const volume = join(this.#disk, `volume-${this.#mounted}`);
      await this.#run(["cp", "-a", join(this.#last.root, place), volume]);
      await this.#run(["mount", "--bind", volume, join(root, place)]);
    }
    const [folder = "/"] = volumes;
    const privileges = [
      ...["--reuid", user, "--regid", group, "--clear-groups"],
      ...["--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"],
    ];
    const inside = ["chroot", root, "setpriv", ...privileges, "env", "--chdir", folder, ...command];
    const [program, ...args] = this.#private.inside(inside);
    return spawn(program, args, {
      env: { ...this.#env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  close(): void {
    this.#private.close();
  }
}

/** @returns whether a path of the context is left out: the last pattern that matches it, or a folder above it */
function ignored(file: string): (path: string) => boolean {
  const lines = readFileSync(file, "utf8").split("\n");
  const patterns = lines
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  return (path) => {
    const parts = path.split("/");
    const above = parts.map((_, i) => parts.slice(0, i + 1).join("/"));
    let isOut = false;
    for (const pattern of patterns) {
      const isBack = pattern.startsWith("!");
      const glob = isBack ? pattern.slice(1) : pattern;
      if (above.some((one) => matchesGlob(one, glob))) isOut = !isBack;
    }
    return path !== "" && isOut;
  };
}
