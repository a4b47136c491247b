import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SecretFolder } from "./secrets.ts";

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-secrets-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

test("a secret is the text of its file, but for one line break at the end", async () => {
  const secrets = new SecretFolder(
    folderOf({ plain: "a b", line: "x\n", two: "x\n\n", dos: "x\r\n" }),
  );
  expect(await secrets.read("plain")).toBe("a b");
  expect(await secrets.read("line")).toBe("x");
  expect(await secrets.read("two")).toBe("x\n");
  expect(await secrets.read("dos")).toBe("x");
});

test("a secret that is mounted anew is read anew, as Kubernetes does it: by links", async () => {
  const folder = folderOf({});
  for (const value of ["one", "two"]) {
    mkdirSync(join(folder, `..${value}`));
    writeFileSync(join(folder, `..${value}`, "token"), value);
  }
  symlinkSync("..one/token", join(folder, "token"));
  symlinkSync("..two/token", join(folder, "newer"));
  const secrets = new SecretFolder(folder);
  expect([await secrets.read("token"), await secrets.read("newer")]).toEqual(["one", "two"]);
});

test("there is none without a file, and no name leads out of the folder", async () => {
  const folder = folderOf({ token: "x", "a.b": "y" });
  mkdirSync(join(folder, "inner"));
  const secrets = new SecretFolder(join(folder, "inner"));
  for (const name of ["none", "../token", "..", "", "/etc/hostname", "a.b"]) {
    expect(await secrets.read(name)).toBeUndefined();
  }
  expect(await new SecretFolder(folder).read("inner")).toBeUndefined();
});
