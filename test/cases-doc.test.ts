// docs/reference/cases.md against the titles of the tests: every case is tested, and where the page says.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./tidy/source.js";

/** The cases that a release must show or refuse by name. */
const REQUIRED =
  "A1 A4 A5 A6 A7 A8 C2 C4 C5 C6 C8 C9 C10 C11 C12 C13 D1 D2 D3 D6 D7 E1 E3 E4 E5 E6 E7 E8 E9 E10 E11 E12 " +
  "G1 G2 G3 G4 G5 G8 G10 G11 H1 H3 H4 H5 H6 H7 J5 J6 J7 J9 J19 K3 K4 K5 B13 B14 D8";

/** `"E4: …"` or `"J6, J5: …"` at the beginning of a title, `"… (C13, C4)"` at its end. */
const TITLES = [/["`]((?:[A-K]\d{1,2}(?:, )?)+): /g, /\(((?:[A-K]\d{1,2}(?:, )?)+)\)["`]/g];

function testFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((item) => {
    const path = `${folder}/${item.name}`;
    if (item.isDirectory()) return item.name === "node_modules" ? [] : testFiles(path);
    // This file's own samples are no tests of a case.
    return item.name.endsWith(".test.ts") && path !== "test/cases-doc.test.ts" ? [path] : [];
  });
}

function casesIn(text: string): string[] {
  return TITLES.flatMap((title) => [...text.matchAll(title)].flatMap(([, ids = ""]) => ids.split(", ")));
}

/** Files with a test of each case, by its number. */
function found(): Map<string, Set<string>> {
  const files = new Map<string, Set<string>>();
  for (const path of [...testFiles("src"), ...testFiles("test")]) {
    for (const id of casesIn(readFileSync(join(root, path), "utf8"))) files.set(id, (files.get(id) ?? new Set()).add(path));
  }
  return files;
}

function rows(): Map<string, { readonly asserted: string; readonly files: readonly string[] }> {
  const page = readFileSync(join(root, "docs/reference/cases.md"), "utf8");
  const cells = page.split("\n").map((line) => /^\| ([A-K]\d{1,2}) \| (.+) \| (.+) \|$/.exec(line));
  return new Map(
    cells.flatMap((row) => {
      if (row === null) return [];
      const [, id = "", asserted = "", where = ""] = row;
      return [[id, { asserted, files: [...where.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path) }] as const];
    }),
  );
}

test("a title is read at its beginning and at its end, and nowhere else", () => {
  expect(
    casesIn('test("E4: the power goes", () => 1); test("left early (C2, C4)", () => 2); const a = "see B1 and K9";'),
  ).toEqual(["E4", "C2", "C4"]);
});

test("docs/reference/cases.md has a row for every case that must be shown, and says what is asserted", () => {
  const table = rows();
  expect(REQUIRED.split(" ").filter((id) => !table.has(id))).toEqual([]);
  for (const [id, { asserted }] of table) expect([id, asserted.length > 10]).toEqual([id, true]);
});

test("docs/reference/cases.md names exactly the files whose tests carry the case's number", () => {
  const tested = found();
  for (const [id, { files }] of rows())
    expect({ id, files: files.toSorted() }).toEqual({ id, files: [...(tested.get(id) ?? [])].sort() });
});
