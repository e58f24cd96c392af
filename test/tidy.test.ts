// The house rules as failing tests (ARCHITECTURE.md says why each exists). Every rule is first shown a sample that
// breaks it and one that does not, so that a rule that stopped working cannot stay green.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ERROR_TABLE } from "../src/accounting/errors.js";
import * as imports from "./tidy/imports.js";
import * as shape from "./tidy/shape.js";
import { houseFile, readHouse, root } from "./tidy/source.js";

type Files = Readonly<Record<string, string>>;
interface Case {
  readonly rule: imports.Rule;
  readonly breaks: readonly Files[];
  readonly keeps: Files;
}

const dependencies = Object.keys(
  (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { dependencies: Record<string, string> }).dependencies,
);
const codes = Object.keys(ERROR_TABLE);
const lines = (count: number): string => "// a line\n".repeat(count);
const doc = "/** Said. */\n";

const importCases: Record<string, Case> = {
  "folders import only from folders before them": {
    rule: imports.direction,
    breaks: [
      { "src/call/a.ts": 'import { b } from "../stores/b.js";' },
      { "src/stores/a.ts": 'import type { B } from "../providers/b.js";' },
      { "src/accounting/price/a.ts": 'export { b } from "../../call/b.js";' },
      { "src/desk/a.ts": 'const b = await import("../surfaces/cli/b.js");' },
      { "src/config/a.ts": 'export type A = import("../desk/b.js").B;' },
      { "src/surfaces/cli/a.ts": 'import { b } from "../gateway/b.js";' },
      { "src/call/a.ts": 'import { b } from "../../test/b.js";' },
      { "src/misc/a.ts": "" },
    ],
    keeps: {
      "src/stores/sqlite/a.ts": 'import { b } from "../../accounting/b.js"; import { c } from "../journal.js";',
      "src/surfaces/assemble.ts": 'import { b } from "./gateway/b.js"; import { c } from "../stores/c.js";',
      "src/surfaces/cli/a.ts": 'import { b } from "../assemble.js"; import { c } from "./c.js"; import d from "node:fs";',
      "src/call/a.test.ts": 'import { b } from "../stores/memory/b.js";',
    },
  },
  "no file imports itself on a detour": {
    rule: imports.cycles,
    breaks: [
      {
        "src/call/a.ts": 'import "./b.js";',
        "src/call/b.ts": 'import type { C } from "./c.js";',
        "src/call/c.ts": 'import "./a.js";',
      },
      { "src/call/a.ts": 'import "./a.js";' },
    ],
    keeps: { "src/call/a.ts": 'import "./b.js"; import "./c.js";', "src/call/b.ts": 'import "./c.js";', "src/call/c.ts": "" },
  },
  "accounting imports only what is pure": {
    rule: imports.pureImports,
    breaks: [{ "src/accounting/a.ts": 'import { readFileSync } from "node:fs";' }, { "src/accounting/a.ts": 'import "undici";' }],
    keeps: {
      "src/accounting/a.ts": 'import x from "gpt-tokenizer/encoding/o200k_base"; import y from "@pydantic/genai-prices/data";',
    },
  },
  "what ships imports only declared packages": {
    rule: imports.declared(dependencies),
    breaks: [{ "src/call/a.ts": 'import { test } from "vitest";' }, { "src/call/a.ts": 'import esbuild from "esbuild";' }],
    keeps: { "src/call/a.ts": 'import { Pool } from "undici"; import type OpenAI from "openai";' },
  },
  "the simulator's bill shares nothing with accounting": {
    rule: imports.independentBill,
    breaks: [
      { "src/providers/simulated/bill.ts": 'import { cost } from "../../accounting/price/cost.js";' },
      { "src/providers/simulated/bill.ts": 'import type { Usage } from "../../accounting/meter/usage.js";' },
      {
        "src/providers/simulated/bill.ts": 'import { x } from "../x.js";',
        "src/providers/x.ts": 'import { budget } from "../accounting/budget/budget.js";',
      },
    ],
    keeps: {
      "src/providers/simulated/a.ts": 'import { UpstreamFailure } from "../../call/needs.js";',
      "src/call/needs.ts": 'import type { Usage } from "../accounting/meter/usage.js";',
    },
  },
};

const shapeCases: Record<string, Case> = {
  "no file is longer than 400 lines": {
    rule: shape.fileLength,
    breaks: [{ "test/a.ts": lines(401) }, { "src/stores/sqlite/a.sql": lines(401) }],
    keeps: { "test/a.ts": lines(400), "src/providers/openai/__fixtures__/a.ts": lines(401) },
  },
  "no function is longer than 70 lines": {
    rule: shape.functionLength,
    breaks: [
      { "evals/a.ts": `function a() {\n${lines(69)}}` },
      { "src/call/a.ts": `const a = () => {\n${lines(69)}};` },
      { "src/call/a.ts": `class A {\n  get a() {\n${lines(69)}}\n}` },
      { "scripts/a.mjs": `function a() {\n${lines(69)}}` },
    ],
    keeps: { "evals/a.ts": `function a() {\n${lines(68)}}` },
  },
  "nothing is any": {
    rule: shape.noAny,
    breaks: [{ "test/a.ts": "const a = (b: any) => b;" }],
    keeps: { "test/a.ts": 'const any = "any"; // any' },
  },
  "nothing is exported as default": {
    rule: shape.noDefaultExport,
    breaks: [
      { "src/call/a.ts": "export default 1;" },
      { "src/call/a.ts": "export default function a() {}" },
      { "src/call/a.ts": 'export { a as default } from "./b.js";' },
    ],
    keeps: { "src/call/a.ts": 'export const a = 1; import fs from "node:fs";' },
  },
  "an index.ts only re-exports": {
    rule: shape.indexOnlyReExports,
    breaks: [{ "src/surfaces/sdk/index.ts": "export const a = 1;" }, { "src/surfaces/sdk/index.ts": 'import "./a.js";' }],
    keeps: { "src/surfaces/sdk/index.ts": 'export { a } from "./a.js"; export type * from "./b.js";' },
  },
  "no folder or file has an empty name": {
    rule: shape.names,
    breaks: [
      { "src/call/utils/a.ts": "" },
      { "test/helpers/a.ts": "" },
      { "src/call/call-handler.ts": "" },
      { "src/call/info.ts": "" },
    ],
    keeps: { "src/call/run-call.ts": "", "src/accounting/price/information.ts": "" },
  },
  "files are kebab-case": {
    rule: shape.kebabCase,
    breaks: [{ "src/call/runCall.ts": "" }, { "src/call/Run.ts": "" }, { "src/call/run_call.ts": "" }],
    keeps: { "src/call/run-call.test.ts": "", "src/stores/sqlite/0001-start.sql": "" },
  },
  "every exported thing has a docstring": {
    rule: shape.docstrings,
    breaks: [
      { "src/call/a.ts": "export const a = 1;" },
      { "src/call/a.ts": "// A comment is no docstring.\nexport function a() {}" },
      { "src/call/a.ts": `${doc}export type A = 1;\nexport type B = 2;` },
      { "src/call/a.ts": "export interface A {}" },
    ],
    keeps: {
      "src/call/a.ts": `${doc}export const a = 1;\nconst b = 2;\nexport { b };`,
      "src/call/b.ts": `${doc}export function a(b: 1): 1;\nexport function a(b: 2): 2;\nexport function a(b: 1 | 2) { return b; }`,
    },
  },
  "modules keep no state": {
    rule: shape.noModuleState,
    breaks: [{ "src/call/a.ts": "let calls = 0;" }, { "src/call/a.ts": `${doc}export var a = 1;` }],
    keeps: { "src/call/a.ts": "const calls = 0; function a() { let b = 1; return b++; }" },
  },
  "no failure is swallowed": {
    rule: shape.noSilentCatch,
    breaks: [{ "src/call/a.ts": "try { a(); } catch {}" }, { "test/a.ts": "try { a(); } catch (error) {\n}" }],
    keeps: { "src/call/a.ts": "try { a(); } catch { b(); }\ntry { a(); } catch {\n  // The file is gone already.\n}" },
  },
  "accounting has no clock, no chance and no wait": {
    rule: shape.pureCode,
    breaks: [
      "const a = Date.now();",
      "const a = new Date();",
      "const a = Date();",
      "const a = Math.random();",
      "const a = performance.now();",
      "const a = process.env.A;",
      "setTimeout(() => 1, 1);",
      "async function a() {}",
      "const a = async () => 1;",
      "for await (const a of b) {}",
      "await fetch(a);",
      "const a = crypto.randomUUID();",
      "const a = Temporal.Now.instant();",
    ].map((text) => ({ "src/accounting/a.ts": text })),
    keeps: {
      "src/accounting/a.ts": "const a = (now: number) => ({ process: new Date(now), at: b.fetch });",
      "src/accounting/a.test.ts": "const a = Date.now();",
      "src/call/a.ts": "const a = Date.now();",
    },
  },
  "every error raised is in the table": {
    rule: shape.knownErrors(codes),
    breaks: [{ "src/call/a.ts": 'throw new BursarError("no_such_code", "…");' }],
    keeps: { "src/call/a.ts": 'throw new BursarError("internal", "…");' },
  },
  "every error of the table is raised": {
    rule: shape.usedErrors(["internal", "conflict", "forbidden"], ["forbidden"]),
    breaks: [
      { "src/call/a.ts": 'throw new BursarError("internal", "…");', "src/call/a.test.ts": 'const a = "conflict";' },
      { "src/call/a.ts": 'const a = ["internal", "conflict", "forbidden"];' },
    ],
    keeps: { "src/call/a.ts": 'const a = ["internal", "conflict"];' },
  },
};

const inMemory = (files: Files) => Object.entries(files).map(([path, text]) => houseFile(path, text));
const house = readHouse();
// Pausing, killing and idempotent replies are not built yet; their codes are promised already.
const notYet = ["task_killed"];
const applied = new Map([[shapeCases["every error of the table is raised"]?.rule, shape.usedErrors(codes, notYet)]]);

describe.each(Object.entries({ ...importCases, ...shapeCases }))("%s", (_, { rule, breaks, keeps }) => {
  test("the rule finds what breaks it", () => {
    for (const sample of breaks) expect(rule(inMemory(sample)), JSON.stringify(sample)).not.toEqual([]);
  });
  test("the rule lets pass what keeps it", () => {
    expect(rule(inMemory(keeps))).toEqual([]);
  });
  test("the house keeps it", () => {
    expect((applied.get(rule) ?? rule)(house)).toEqual([]);
  });
});

test("the house is read whole", () => {
  const paths = house.map((file) => file.path);
  expect(paths).toEqual(expect.arrayContaining(["src/accounting/errors.ts", "test/tidy.test.ts", "scripts/start.mjs"]));
});
