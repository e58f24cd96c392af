import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ERROR_TABLE } from "../src/accounting/errors.js";
import { root } from "./tidy/source.js";

// Said in words on the page; in the table as one word.
const advice = { never: "never", later: "later, unchanged", "after-change": "after a change" };

test("docs/reference/errors.md lists every error as the table has it, in its order, and no other", () => {
  const page = readFileSync(join(root, "docs/reference/errors.md"), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  const expected = Object.entries(ERROR_TABLE).map(
    ([code, { status, retry, meaning }]) => `| \`${code}\` | ${status} | ${advice[retry]} | ${meaning} |`,
  );
  expect(rows).toEqual(expected);
});
