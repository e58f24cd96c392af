// `npm test`: everything, from a fresh clone, with nothing asked. Installs what tests need (package-lock.json files and a few
// system packages), then builds, type-checks, lints and runs every test. `--long` runs test/long/ instead; other
// arguments go to vitest. A missing service fails the run: nothing is skipped quietly.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative, resolve } from "node:path";
import { installOnce, requireNode, root } from "./install.mjs";

/** Commands that tests run, and the Debian packages that bring them. */
const commands = { chromium: "chromium", strace: "strace", git: "git", python3: "python3", pip3: "python3-pip" };

const onPath = (name) => (process.env.PATH ?? "").split(delimiter).some((folder) => folder && existsSync(join(folder, name)));

/** Brings the system packages that are missing: by itself as root on Debian, else by ending with the line to run. */
function requireCommands() {
  const missing = () => Object.entries(commands).filter(([name]) => !onPath(name));
  const packages = missing().map(([, name]) => name);
  if (packages.length === 0) return;
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...packages];
  if (process.getuid?.() === 0 && onPath("apt-get")) {
    console.error(`Installing ${packages.join(", ")} …`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    for (const args of [["update", "-qq"], install]) {
      const apt = spawnSync("apt-get", args, { env, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
      if (apt.status !== 0) console.error(`${apt.stdout}${apt.stderr}`.trim());
    }
  }
  if (missing().length === 0) return;
  console.error(
    `The tests need ${missing()
      .map(([name]) => name)
      .join(", ")}. Run:`,
  );
  console.error(
    `  sudo apt-get install -y --no-install-recommends ${missing()
      .map(([, name]) => name)
      .join(" ")}`,
  );
  finish({ passed: 0, failed: 1 });
}

function finish({ passed, failed }) {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** Runs one static check; its words are shown only when it fails. */
function check(name, args) {
  const since = Date.now();
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 });
  const failed = run.status === 0 ? 0 : 1;
  console.log(`${failed ? "FAILED" : "ok"}  ${name} (${seconds(since)})`);
  if (failed) console.log(run.error?.message ?? `${run.stdout}${run.stderr}`.trim());
  return { passed: 1 - failed, failed };
}

/** Counts tests, and as failures too: a file that never got to its tests, a skipped test, an error outside of any test. */
function count(report, { status, whole }) {
  const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
  const skipped = report.testResults
    .flatMap((file) => file.assertionResults)
    .filter((test) => whole && ["pending", "skipped", "todo", "disabled"].includes(test.status));
  for (const test of skipped) console.log(`FAILED  skipped: ${test.fullName}`);
  const failed = report.numFailedTests + broken + skipped.length;
  const none = whole && report.numPassedTests === 0;
  return { passed: report.numPassedTests, failed: failed || (status !== 0 || none ? 1 : 0) };
}

/** Runs vitest and counts from its own report. */
function vitest(args, whole) {
  const folder = mkdtempSync(join(tmpdir(), "bursar-tests-"));
  const report = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const run = spawnSync(process.execPath, [join(root, "test/node_modules/vitest/vitest.mjs"), "run", ...reporters, ...args], {
    cwd: root,
    // Both streams on stdout, so that the count stays the last line wherever the two are joined.
    stdio: ["ignore", 1, 1],
    env: process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
  });
  const result = existsSync(report)
    ? count(JSON.parse(readFileSync(report, "utf8")), { status: run.status, whole })
    : { passed: 0, failed: 1 };
  rmSync(folder, { recursive: true, force: true });
  return result;
}

const sum = (results) =>
  results.reduce((all, one) => ({ passed: all.passed + one.passed, failed: all.failed + one.failed }), { passed: 0, failed: 0 });

function runAll(args) {
  const checks = [
    check("build", ["scripts/build.mjs"]),
    check("types", ["node_modules/typescript/bin/tsc", "--noEmit", "-p", "."]),
    check("style", ["test/node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings"]),
    check("nothing unused", ["test/node_modules/knip/bin/knip.js", "--no-progress", "--no-config-hints"]),
  ];
  return sum([...checks, vitest(["--allowOnly=false", "--exclude=test/long/**", ...args], args.length === 0)]);
}

/** Long tests that name BURSAR_TEST_DATA run on recorded traffic; without it they are named as not run. */
function runLong(args) {
  const folder = join(root, "test/long");
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".ts")) : [];
  const needsData = files.filter((name) => readFileSync(join(folder, name), "utf8").includes("BURSAR_TEST_DATA"));
  const left = process.env.BURSAR_TEST_DATA ? [] : needsData;
  const without = left.map((name) => `--exclude=${relative(root, join(folder, name))}`);
  const result = sum([
    check("build", ["scripts/build.mjs"]),
    vitest(["--config=vitest.long.config.ts", "--passWithNoTests", ...without, ...args], false),
  ]);
  for (const name of left) console.log(`not run: needs recorded data (--data DIR or BURSAR_TEST_DATA): test/long/${name}`);
  return result;
}

function takeData(args) {
  const at = args.indexOf("--data");
  if (at < 0) return args;
  const folder = args[at + 1];
  if (!folder || !existsSync(folder)) {
    console.error(`--data needs a folder that exists${folder ? `: ${folder}` : ""}`);
    process.exit(2);
  }
  process.env.BURSAR_TEST_DATA = resolve(folder);
  return args.toSpliced(at, 2);
}

/** The coding agents' own programs; without them (no binary for this machine, no network) constructed requests stand alone. */
function bringCodingAgents() {
  const folder = join(root, "test/coding-agents");
  installOnce(folder, "two coding agents (some 640 MB)", { optional: true });
  const machine = `${process.platform}-${process.arch}`;
  const binaries = ["@anthropic-ai/claude-code", "@openai/codex"].filter(
    (name) => !existsSync(join(folder, "node_modules", `${name}-${machine}`)),
  );
  return binaries.length === 0
    ? []
    : [`NOT RUN: ${binaries.join(" and ")} on this machine; only constructed requests stand for them.`];
}

const since = Date.now();
requireNode();
const args = takeData(process.argv.slice(2));
installOnce(root, "what Bursar runs on");
installOnce(join(root, "test"), "what its tests run on");
requireCommands();
const notRun = args.includes("--long") ? [] : bringCodingAgents();
const result = args.includes("--long") ? runLong(args.filter((argument) => argument !== "--long")) : runAll(args);
for (const line of notRun) console.log(line);
console.log(`in ${seconds(since)}`);
finish(result);
