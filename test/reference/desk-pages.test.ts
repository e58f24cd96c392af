// The reference pages of the desk are made from its table. To write them anew after a change:
// UPDATE=1 node test/node_modules/vitest/vitest.mjs run test/reference
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../tidy/source.js";
import { cliTables, httpTables, metricsTable } from "./desk-pages.js";

const begin = "<!-- generated from the desk's table -->";
const end = "<!-- end of what is generated -->";

test.each([
  ["docs/reference/http.md", httpTables],
  ["docs/reference/cli.md", cliTables],
  ["docs/reference/metrics.md", metricsTable],
])("%s says what the table says", (page, tables) => {
  const file = join(root, page);
  if (process.env.UPDATE === "1") {
    const [before = "", rest = ""] = readFileSync(file, "utf8").split(begin);
    writeFileSync(file, `${before}${begin}\n\n${tables()}\n\n${end}${rest.split(end)[1] ?? "\n"}`);
  }
  const text = readFileSync(file, "utf8");
  expect(text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)).trim()).toBe(tables());
});
