// package.json names what the package shows. Here each name is followed into dist/ as built from the working tree;
// package.test.ts does the same with what npm packs.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./tidy/source.js";

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const run = (...args: string[]): string => execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" }).trim();

test("every export and the command lead to a file that is built", () => {
  const targets = Object.values(manifest.exports).map((target) => (typeof target === "string" ? target : target.default));
  expect([...targets, ...Object.values(manifest.bin)].filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("the types of an export come from the source beside it", () => {
  for (const target of Object.values(manifest.exports)) {
    if (typeof target === "string") continue;
    expect(target.types).toBe(target.default.replace(/\.js$/, ".d.ts"));
    expect(existsSync(join(root, target.default.replace("./dist", "src").replace(/\.js$/, ".ts")))).toBe(true);
  }
});

test("importing the package does nothing but give names", () => {
  const program = `
    const names = Object.keys(await import("bursar"));
    const open = process.getActiveResourcesInfo().filter((kind) => /TCP|UDP|Timeout|Message|Process|FSEvent/.test(kind));
    console.log(JSON.stringify({ names, open }));`;
  const { names, open } = JSON.parse(run("--input-type=module", "-e", program));
  expect(names).toContain("openBursar");
  expect(names).not.toContain("default");
  expect(open).toEqual([]);
});

test("the command knows the version of its package", () => {
  expect(run(join(root, manifest.bin.bursar ?? ""), "--version")).toContain(manifest.version);
});
