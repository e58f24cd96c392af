import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./tidy/source.js";

type Packages = Readonly<Record<string, string>>;
type Manifest = { readonly dependencies?: Packages; readonly devDependencies?: Packages };

const manifest = (path: string): Manifest => JSON.parse(readFileSync(join(root, path), "utf8"));
const requirements: Packages = Object.fromEntries(
  [...readFileSync(join(root, "test/requirements.txt"), "utf8").matchAll(/^(\S+)==(\S+)$/gm)].map(([, name, version]) => [
    name,
    version,
  ]),
);
const page = readFileSync(join(root, "docs/reference/dependencies.md"), "utf8");

/** Rows of the table under the heading that names `from`: package → version; every row has a reason. */
function documented(from: string): Packages {
  const section = page.split("\n## ").find((part) => (part.split("\n")[0] ?? "").includes(from)) ?? "";
  const rows = [...section.matchAll(/^\| `(.+)` \| (\S+) \| (.{10,}) \|$/gm)];
  return Object.fromEntries(rows.map(([, name, version]) => [name, version]));
}

test.each([
  ["`package.json`, dependencies", manifest("package.json").dependencies],
  ["`package.json`, devDependencies", manifest("package.json").devDependencies],
  ["`test/package.json`", manifest("test/package.json").dependencies],
  ["`test/coding-agents/package.json`", manifest("test/coding-agents/package.json").dependencies],
  ["`test/requirements.txt`", requirements],
  ["`bench/package.json`", manifest("bench/package.json").dependencies],
])("docs/reference/dependencies.md gives a reason for every package of %s", (from, packages) => {
  expect(documented(from)).toEqual(packages);
});

test("every version is pinned exactly", () => {
  const all = ["package.json", "test/package.json", "test/coding-agents/package.json", "bench/package.json"].map(manifest);
  const versions = all.flatMap(({ dependencies, devDependencies }) => Object.entries({ ...dependencies, ...devDependencies }));
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});
