import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { readConfig } from "../src/config/read-config.js";
import { root } from "./tidy/source.js";

function pagesIn(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(join(root, path)).isDirectory()) return pagesIn(path);
    return name.endsWith(".md") ? [path] : [];
  });
}

const pages = [...readdirSync(root).filter((name) => name.endsWith(".md")), ...pagesIn("docs")];

test.each(pages)("every link and every file that %s names exists", (page) => {
  const text = readFileSync(join(root, page), "utf8");
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => join(root, dirname(page), target ?? ""));
  const named = [...text.matchAll(/`((?:src|test|docs|scripts)\/[\w./-]+)`/g)].map(([, path]) => join(root, path ?? ""));
  expect([...links, ...named].filter((path) => !existsSync(path)).map((path) => relative(root, path))).toEqual([]);
});

test("the configuration that README.md shows is one that Bursar takes", () => {
  const [, source = ""] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
  expect(source).toContain("budgets:");
  const read = readConfig(source, { file: "bursar.yaml", path: join(root, "bursar.yaml"), data: ".bursar", env: {}, laid: [] });
  expect("problems" in read ? read.problems : []).toEqual([]);
});
