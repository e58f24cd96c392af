// `npm pack`, and the tarball used as its users do: installed in an empty folder, started with npx, imported and
// type-checked. It is packed from a copy, because packing starts with deleting dist/, from which other tests run.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cleanEnvironment, startServer } from "./server-process.js";
import { root } from "./tidy/source.js";

const folder = mkdtempSync(join(tmpdir(), "bursar-package-"));
const source = join(folder, "source");
const user = join(folder, "user");
const env = cleanEnvironment(folder);
let packed: { readonly filename: string; readonly files: readonly { readonly path: string; readonly mode: number }[] };

const run = (program: string, args: readonly string[], cwd: string): string =>
  execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

beforeAll(() => {
  const left = new Set(["node_modules", "dist", ".git", ".bursar"]);
  cpSync(root, source, { recursive: true, filter: (path) => !left.has(basename(path)) });
  symlinkSync(join(root, "node_modules"), join(source, "node_modules"));
  // What a working tree collects over time.
  for (const stray of [".bursar", "dist", "coverage"]) {
    mkdirSync(join(source, stray));
    writeFileSync(join(source, stray, "stray.js"), "");
  }
  packed = JSON.parse(run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], source))[0];
  mkdirSync(user);
  const install = ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", join(folder, packed.filename)];
  run("npm", install, user);
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the package holds what runs and its three pages, and nothing else", () => {
  const paths = packed.files.map((file) => file.path);
  const stray = paths.filter((path) => !/^(dist\/.+|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/.test(path));
  expect(stray).toEqual([]);
  expect(
    paths.filter((path) => /\.test\.|__fixtures__|\.bursar|\.built|stray|\.ts$/.test(path) && !path.endsWith(".d.ts")),
  ).toEqual([]);
  expect(paths).toEqual(
    expect.arrayContaining([
      "dist/surfaces/cli/bin.js",
      "dist/surfaces/sdk/index.js",
      "dist/surfaces/sdk/index.d.ts",
      "dist/config/bursar.schema.json",
    ]),
  );
});

test("npx bursar up serves in an empty folder", async () => {
  const server = await startServer({ command: ["npx", "--no", "bursar", "up", "--port", "0"], cwd: user, env });
  try {
    const reply = await fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer any" },
      body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Say hello." }] }),
    });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-bursar-call-id")).toMatch(/\S/);
  } finally {
    await server.stop();
  }
});

test("the package is imported by name, its schema too", () => {
  const program = `
    const { openBursar } = await import("bursar");
    const { default: schema } = await import("bursar/schema.json", { with: { type: "json" } });
    console.log(typeof openBursar, typeof schema.properties);`;
  expect(run(process.execPath, ["--no-warnings", "--input-type=module", "-e", program], user).trim()).toBe("function object");
});

test("what the package does not export cannot be imported", () => {
  const program = 'await import("bursar/dist/accounting/errors.js").catch((error) => console.log(error.code));';
  expect(run(process.execPath, ["--input-type=module", "-e", program], user).trim()).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
});

test("a TypeScript program that uses the package compiles, strictly", { timeout: 60_000 }, () => {
  writeFileSync(
    join(user, "program.mts"),
    'import { openBursar } from "bursar";\nexport const open: typeof openBursar = openBursar;\n',
  );
  const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--types", "node", "--skipLibCheck"];
  const types = ["--typeRoots", join(root, "node_modules/@types")];
  const compile = () =>
    run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...flags, ...types, "program.mts"], user);
  expect(compile()).toBe("");
});
