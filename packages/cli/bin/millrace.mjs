#!/usr/bin/env node
// The command as npm links it: there before anything is built, so that it can say so.
import { existsSync } from "node:fs";

const NODE_MAJOR = 24;
const built = new URL("../dist/main.js", import.meta.url);

if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR) {
  process.stderr.write(`millrace: needs Node ${NODE_MAJOR}; this is ${process.version}\n`);
  process.exitCode = 1;
} else if (existsSync(built)) {
  await import(built.href);
} else {
  process.stderr.write(
    "millrace: not built yet; `npm run build` does it, and so does `npm start`\n",
  );
  process.exitCode = 1;
}
