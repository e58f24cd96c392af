// Cases H of the adversarial list: prices and numbers. Money is exact however often it is added and however large it
// grows, and what a call is priced at is pinned when it is admitted.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPriceBook } from "../../src/accounting/price/price-book.js";
import { loadConfig } from "../../src/config/load.js";
import { readConfig } from "../../src/config/read-config.js";
import { watchConfig } from "../../src/config/watch.js";
import { openJournal } from "../../src/stores/journal.js";
import { openSqlite } from "../../src/stores/sqlite/open-sqlite.js";
import { budget, hold, post, standingClock } from "../ledger-fixtures.js";
import { postInThread } from "../post-in-thread.js";
import { delta, events, openTestRoad, usageChunk } from "../road-fixtures.js";
import { consume } from "../simulated-road.js";

const DONE = "data: [DONE]\n\n";
const SEED = Number(process.env.SEED ?? 20_261_124);

/** Rules that are gone through once for each post of the fold; both run at the same time. */
const RULES = Number(process.env.BURSAR_RULE_POSTS ?? 500_000);

const POSTS = [
  { how: "fold", calls: 10_000_000, what: "priced and folded" },
  { how: "rules", calls: RULES, what: "held, priced and posted by the rules" },
] as const;
for (const { how, calls, what } of POSTS) {
  test.concurrent(`H3: ${calls} posts, ${what}, differ from a rational oracle by nothing`, { timeout: 600_000 }, async () => {
    const { account, agent, oracle } = await postInThread(how, { calls, seed: SEED });
    console.log(`SEED=${SEED} ${calls} posts, ${oracle} n$`);
    expect(oracle).toBeGreaterThan(BigInt(calls));
    expect(account).toEqual({ used: oracle, held: 0n, presumed: 0n, overrun: 0n });
    expect(agent).toEqual({ calls, nano: oracle });
  });
}

test.each([
  ["zero without being called free", { input: "0", output: "0" }],
  ["a thousand times too low", { input: "0.0000025", output: "0.00001" }],
  ["a million times too high", { input: "2500000", output: "10000000" }],
  ["absent for its output", { input: "2.5" }],
])("H1: a price that is %s is refused with its file, naming the model", (_what, price) => {
  expect(() => openPriceBook({ overrides: [{ model: "openai/gpt-4o", ...price }] })).toThrow(/openai\/gpt-4o/);
});

test("H1: a model whose price nobody knows is refused on a hard budget, and nothing is sent", async () => {
  const at = await openTestRoad({ budgets: [budget({ name: "b", limit: 10n ** 12n })], script: () => events([DONE]) });
  const { candidates } = at.needs.catalog;
  at.needs.catalog = {
    candidates: (query) =>
      candidates({ ...query, model: "gpt-4o" }).map((one) => {
        const price = at.needs.prices.resolve({ provider: "openai", model: query.model, at: query.at });
        return { ...one, model: query.model, canonical: `openai/${query.model}`, price, dearest: price };
      }),
  };
  const reply = await at.call({ model: "gpt-99", max_tokens: 5, messages: [{ role: "user", content: "hi" }] });
  expect(reply).toMatchObject({ kind: "refused", error: { code: "price_unknown" } });
  expect(at.requests).toHaveLength(0);
  expect([...at.ledger.state().accounts.values()].every(({ held, used }) => held === 0n && used === 0n)).toBe(true);
});

test("H6: an account beyond 2^53 nano-dollars and 2^31 tokens is exact to the last digit, also after a restart", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bursar-h6-"));
  const clock = standingClock();
  const budgets = [budget({ name: "usd", limit: null }), budget({ name: "tokens", limit: null, unit: "tokens" })];
  const nano = 2n ** 53n + 1n;
  const input = 2 ** 31 + 1;
  const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  await ledger.apply([{ type: "declare", budgets, actor: "t", reason: "t" }]);
  for (const id of ["a", "b", "c"]) {
    await ledger.apply([hold(id, { nano, input_tokens: input, output_tokens: 1 })]);
    await ledger.apply([post(id, { input, output: 1 }, { nano })]);
  }
  const expected = [3n * nano, 3n * (BigInt(input) + 1n)];
  const used = (of: typeof ledger): bigint[] =>
    budgets.map(({ name }) => {
      const account = [...of.state().accounts.values()].find((one) => one.budget === name);
      return account?.used ?? -1n;
    });
  expect(used(ledger)).toEqual(expected);
  await ledger.close();
  const again = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  expect(used(again)).toEqual(expected);
  const posted: unknown[] = [];
  for await (const entry of again.read(1)) if (entry.type === "call.posted") posted.push(entry.nano);
  expect(posted).toEqual(Array(3).fill("9007199254740993"));
  await again.close();
  rmSync(directory, { recursive: true, force: true });
});

test("H4: a price that changes while a stream runs is not its price: the one pinned at its start is, and is named", async () => {
  const priced = (input: string) => openPriceBook({ overrides: [{ model: "openai/gpt-4o", input, output: input }] });
  let announce: () => void = () => undefined;
  const changed = new Promise<void>((resolve) => (announce = resolve));
  const at = await openTestRoad({
    budgets: [budget({ name: "b", limit: 10n ** 12n })],
    script: () =>
      events(
        (async function* () {
          yield delta("Hello");
          await changed;
          yield usageChunk(10, 5);
          yield "data: [DONE]\n\n";
        })(),
      ),
  });
  const use = (input: string): void => {
    const prices = priced(input);
    const { candidates } = at.needs.catalog;
    at.needs.prices = prices;
    at.needs.catalog = {
      candidates: (query) =>
        candidates(query).map((one) => {
          const price = prices.resolve({ provider: "openai", model: query.model, at: query.at });
          return { ...one, price, dearest: price };
        }),
    };
  };
  use("2");
  const first = await at.call({ model: "gpt-4o", max_tokens: 50, stream: true, messages: [{ role: "user", content: "hi" }] });
  use("200");
  announce();
  await consume(first);
  const [held, posted] = await at.ledger.readCall("call0");
  if (held?.type !== "call.held" || posted?.type !== "call.posted") throw new Error("it was not held and posted");
  // 15 tokens at $2 per million.
  expect(posted.nano).toBe("30000");
  expect(posted.price_id).toBe(held.price_id);
  await consume(await at.call({ model: "gpt-4o", max_tokens: 50, stream: true, messages: [{ role: "user", content: "hi" }] }));
  const [later, dearer] = await at.ledger.readCall("call1");
  expect(dearer?.type === "call.posted" && dearer.nano).toBe("3000000");
  expect(later?.type === "call.held" && later.price_id).toContain("openai/gpt-4o");
  expect(later?.type === "call.held" && later.price_id).not.toBe(held.price_id);
});

test.each([
  ["version: 1\nprices: [", "cut off"],
  ["<html>404 Not Found</html>", "a page instead of a file"],
  ["version: 0\nprices: []", "an older format"],
  ["version: 1\nprices: [{ model: openai/gpt-4o, input: 0, output: 0 }]", "prices of nothing"],
  ["version: 1\nprices: [{ model: openai/gpt-4o, input: 2500000, output: 10 }]", "another unit"],
  ["version: 1\nprices: [{ model: openai/gpt-4o, input: -1, output: 10 }]", "a negative price"],
  ["version: 1\nprices: [{ model: openai/gpt-4o, input: 2, output: 1, inputt: 0 }]", "an unknown field"],
])("H5: prices that say %j (%s) are refused whole, and the last good ones stay", async (text) => {
  const directory = mkdtempSync(join(tmpdir(), "bursar-h5-"));
  const path = join(directory, "bursar.yaml");
  writeFileSync(path, "version: 1\nproviders: { sim: { kind: simulated } }\nprices: ./prices.yaml\n");
  writeFileSync(join(directory, "prices.yaml"), "version: 1\nprices: [{ model: openai/gpt-4o, input: 3, output: 9 }]\n");
  const load = { env: {}, cwd: directory, flags: { config: path, data: join(directory, "data") } };
  const current = loadConfig(load);
  const good: unknown[] = [];
  const bad: unknown[] = [];
  const watch = watchConfig({
    ...load,
    path,
    current,
    onGood: (config) => good.push(config),
    onBad: (problems) => bad.push(problems),
    debounce_ms: 5,
    poll_ms: 20,
  });
  writeFileSync(join(directory, "prices.yaml"), text);
  await expect.poll(() => bad.length, { timeout: 5_000 }).toBe(1);
  expect(good).toEqual([]);
  watch.close();
  rmSync(directory, { recursive: true, force: true });
});

test("H5: a prices file of a gigabyte is refused by its size, unread", () => {
  const directory = mkdtempSync(join(tmpdir(), "bursar-h5-"));
  const path = join(directory, "bursar.yaml");
  writeFileSync(path, "version: 1\nproviders: { sim: { kind: simulated } }\nprices: ./prices.yaml\n");
  writeFileSync(join(directory, "prices.yaml"), "");
  truncateSync(join(directory, "prices.yaml"), 2 ** 30);
  const before = process.memoryUsage().rss;
  const load = { env: {}, cwd: directory, flags: { config: path, data: join(directory, "data") } };
  expect(() => loadConfig(load)).toThrow(/1073741824 bytes; at most 1048576/);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  rmSync(directory, { recursive: true, force: true });
});

test("H5: nothing fetches prices: a feed's address where the file's path stands is refused by name", () => {
  const file = "version: 1\nproviders: { sim: { kind: simulated } }\nprices: https://prices.example/feed.json\n";
  const read = readConfig(file, { file: "bursar.yaml", path: null, data: "/tmp/none", env: {}, laid: [] });
  const told = "problems" in read ? read.problems.map(({ path, message }) => `${path} ${message}`) : ["taken"];
  expect(told).toEqual([expect.stringMatching(/^prices .*https/)]);
});
