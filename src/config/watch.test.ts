import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadConfig } from "./load.js";
import { type ConfigWatch, watchConfig } from "./watch.js";

let cwd = "";
let watching: ConfigWatch | null = null;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "bursar-watch-"));
});
afterEach(() => {
  watching?.close();
  rmSync(cwd, { recursive: true });
});

const file = (port: number | string): string => `version: 1\nserver: { port: ${port} }\n`;

/** A watch on bursar.yaml that writes down what it is told. `poll_ms` is short so that no test waits on events alone. */
function follow(poll_ms = 40) {
  const told: string[] = [];
  const path = join(cwd, "bursar.yaml");
  const options = { env: {}, cwd };
  watching = watchConfig({
    ...options,
    path,
    current: loadConfig(options),
    debounce_ms: 20,
    poll_ms,
    onGood: ({ server, prices }) =>
      told.push(`good ${server.port}${prices === null ? "" : ` ${prices.overrides.length} prices`}`),
    onBad: (problems) => told.push(`bad ${problems.map(({ line, path: at }) => `${line} ${at}`).join()}`),
  });
  const become = (...expected: string[]) => vi.waitFor(() => expect(told).toEqual(expected), { timeout: 5_000, interval: 10 });
  return { path, told, become };
}

test("a change in place is followed, a wrong one changes nothing and says why, the next right one is taken", async () => {
  writeFileSync(join(cwd, "bursar.yaml"), file(1));
  const { path, become } = follow();
  writeFileSync(path, file(2));
  await become("good 2");
  writeFileSync(path, file("x"));
  await become("good 2", "bad 2 server.port");
  writeFileSync(path, file(3));
  await become("good 2", "bad 2 server.port", "good 3");
});

test("an atomic rename is followed by events alone, and what did not change is not told", async () => {
  writeFileSync(join(cwd, "bursar.yaml"), file(1));
  const { path, told, become } = follow(60_000);
  const replace = (text: string): void => {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  };
  replace(file(2));
  await become("good 2");
  replace(file(2));
  writeFileSync(join(cwd, "other"), "x");
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(told).toEqual(["good 2"]);
  replace(file(3));
  await become("good 2", "good 3");
});

test("a link that is turned to another file is followed", async () => {
  writeFileSync(join(cwd, "one"), file(1));
  writeFileSync(join(cwd, "two"), file(2));
  symlinkSync("one", join(cwd, "bursar.yaml"));
  const { path, become } = follow();
  symlinkSync("two", `${path}.tmp`);
  renameSync(`${path}.tmp`, path);
  await become("good 2");
});

test("a file that is gone is told once, and taken again when it is back", async () => {
  writeFileSync(join(cwd, "bursar.yaml"), file(1));
  const { path, become } = follow();
  rmSync(path);
  await become("bad null ");
  writeFileSync(path, file(1));
  await become("bad null ", "good 1");
});

test("the prices file it names is followed too", async () => {
  const prices = join(cwd, "prices.yaml");
  writeFileSync(prices, "version: 1\nprices: []");
  writeFileSync(join(cwd, "bursar.yaml"), `${file(1)}prices: prices.yaml`);
  const { become } = follow();
  writeFileSync(prices, "version: 1\nprices: [{ model: a/b, input: 1, output: 2 }]");
  await become("good 1 1 prices");
});

test("after it is closed nothing is told any more", async () => {
  writeFileSync(join(cwd, "bursar.yaml"), file(1));
  const { path, told } = follow();
  watching?.close();
  writeFileSync(path, file(2));
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(told).toEqual([]);
});
