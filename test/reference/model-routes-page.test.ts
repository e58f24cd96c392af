// docs/reference/data-plane.md against the code: its routes lead where it says, its providers are those there are, and its
// headers are those that are written.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DIALECT_NAMES, type DialectName } from "../../src/call/needs.js";
import { DIALECTS } from "../../src/providers/dialects.js";
import { PROVIDER_KINDS } from "../../src/providers/registry.js";
import { routeOf } from "../../src/surfaces/gateway/route.js";
import { root } from "../tidy/source.js";

const page = readFileSync(join(root, "docs/reference/data-plane.md"), "utf8");

/** Rows of the table below a heading, cells without their backquotes. */
function rowsUnder(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("|---"));
  return rows.slice(1).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

test("every route of the page leads to the dialect it names, and every dialect has a route", () => {
  const rows = rowsUnder("Routes");
  for (const [route = "", dialect = ""] of rows) {
    const [method = "", path = ""] = route.split(" ");
    expect([route, routeOf(method, path.replace("MODEL", "some-model"))]).toEqual([
      route,
      expect.objectContaining({ kind: "data", dialect }),
    ]);
    expect([dialect, DIALECTS.has(dialect as DialectName)]).toEqual([dialect, true]);
  }
  const onTheWire = DIALECT_NAMES.filter((name) => name !== "model-call");
  expect(new Set(rows.map(([, dialect]) => dialect))).toEqual(new Set(onTheWire));
});

test("the page lists every kind of provider with its address and whether it needs a key", () => {
  const kinds = PROVIDER_KINDS.map(({ kind, base_url, key }) => [kind, base_url ?? "of the settings", key]);
  expect(rowsUnder("Providers").sort()).toEqual(kinds.sort());
});

test("the page lists every header that an answer can carry", () => {
  const source = readFileSync(join(root, "src/surfaces/reply-headers.ts"), "utf8");
  const written = [...source.matchAll(/headers\["(x-bursar-[a-z-]+)"\] =/g)].map(([, name]) => name);
  expect(written.length).toBeGreaterThan(5);
  expect(new Set(rowsUnder("Answers").map(([name]) => name))).toEqual(new Set(written));
});
