import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BASE_SOURCE } from "./base-rows.js";
import { openPriceBook, perMillion, priceAlarms } from "./price-book.js";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const book = openPriceBook();
const row = (provider: string, model: string, at = NOW) => book.resolve({ provider, model, at });

test("the version in the rows' ids is the installed one", () => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: Record<string, string> };
  expect(BASE_SOURCE).toBe(`genai-prices-${manifest.dependencies["@pydantic/genai-prices"]}`);
});

test("a published price is exact to the pico-dollar", () => {
  expect(row("openai", "gpt-4o-mini")?.pico).toMatchObject({
    input_fresh: 150_000n,
    cache_read: 75_000n,
    output_text: 600_000n,
    web_searches: 10_000_000_000n,
  });
  expect(row("anthropic", "claude-haiku-4-5")?.pico).toMatchObject({
    input_fresh: 1_000_000n,
    cache_read: 100_000n,
    cache_write_5m: 1_250_000n,
    cache_write_1h: 2_000_000n,
    output_text: 5_000_000n,
  });
});

test("A13: case, spaces, prefix, alias and dated snapshot are one canonical model", () => {
  for (const name of [
    "gpt-4o",
    "GPT-4o",
    " gpt-4o ",
    "openai/gpt-4o",
    "gpt-4o-2024-08-06",
    "gpt-4o-20240806",
    "OpenAI/GPT-4o-2024-11-20",
  ]) {
    expect(row("openai", name)?.model, name).toBe("openai/gpt-4o");
  }
  for (const name of [
    "claude-haiku-4-5",
    "claude-haiku-4-5-20251001",
    "anthropic/claude-haiku-4.5",
    "claude-haiku-4-5@20251001",
  ]) {
    expect(row("anthropic", name)?.model, name).toBe("anthropic/claude-haiku-4-5");
  }
  for (const name of ["gemini-2.5-pro", "models/gemini-2.5-pro", "google/gemini-2.5-pro", "gemini/gemini-2.5-pro"]) {
    expect(row("gemini", name)?.model, name).toBe("gemini/gemini-2.5-pro");
  }
});

test("a snapshot with its own price keeps it", () => {
  expect(row("openai", "gpt-4o-2024-05-13")?.pico.input_fresh).toBe(5_000_000n);
});

test("bare names find their provider", () => {
  expect(book.providerOf("gpt-4o")).toBe("openai");
  expect(book.providerOf("o3-mini")).toBe("openai");
  expect(book.providerOf("text-embedding-3-small")).toBe("openai");
  expect(book.providerOf("text-embedding-004")).not.toBe("openai");
  expect(book.providerOf("claude-sonnet-5")).toBe("anthropic");
  expect(book.providerOf("gemini-2.5-flash")).toBe("gemini");
  expect(book.providerOf("google/gemini-2.5-flash")).toBe("gemini");
  expect(book.providerOf("deepseek-chat")).toBe("deepseek");
  expect(book.providerOf("my-own-model")).toBeNull();
  expect(book.providerOf("")).toBeNull();
});

test("H1: unknown, unpriced and free-by-omission models have no price", () => {
  expect(row("openai", "gpt-99")).toBeNull();
  expect(row("nobody", "gpt-4o")).toBeNull();
  expect(row("openai", "whisper-1")).toBeNull();
  expect(row("mistral", "devstral-small:free")).toBeNull();
  expect(row("openai", "x".repeat(10_000))).toBeNull();
});

test("models whose bill has classes that are not metered have no price", () => {
  expect(row("gemini", "gemini-2.5-flash-image")).toBeNull();
});

test("no row in force is free or without a price of input", () => {
  const rows = book.list(NOW);
  expect(rows.length).toBeGreaterThan(500);
  for (const each of rows) {
    expect(each.free, each.id).toBe(false);
    expect(each.pico.input_fresh ?? 0n, each.id).toBeGreaterThan(0n);
    for (const pico of [each.pico, ...each.tiers.map((tier) => tier.pico)]) {
      for (const price of Object.values(pico)) expect(price, each.id).toBeGreaterThan(0n);
    }
  }
});

test("every row in force is found by its canonical name and by its id", () => {
  for (const each of book.list(NOW)) {
    expect(book.resolve({ provider: each.provider, model: each.model, at: NOW })?.id).toBe(each.id);
    expect(book.byId(each.id)?.id).toBe(each.id);
  }
});

test("a dated price holds from its day on, and its predecessor stays known by id", () => {
  const before = row("openai", "o3", Date.parse("2025-06-09T23:59:59.999Z"));
  const after = row("openai", "o3", Date.parse("2025-06-10T00:00:00Z"));
  expect([before?.pico.input_fresh, after?.pico.input_fresh]).toEqual([10_000_000n, 2_000_000n]);
  expect(book.byId(before?.id ?? "")?.pico.input_fresh).toBe(10_000_000n);
});

test("prices by the hour count at the dearest hour", () => {
  expect(row("deepseek", "deepseek-chat")?.pico).toMatchObject({
    input_fresh: 270_000n,
    cache_read: 70_000n,
    output_text: 1_100_000n,
  });
});

test("long-context tiers begin after the published threshold", () => {
  expect(row("gemini", "gemini-3-pro-preview")?.tiers).toEqual([
    { above: 200_001, pico: { input_fresh: 4_000_000n, cache_read: 400_000n, output_text: 18_000_000n } },
  ]);
});

test("overrides win from their date on, under the canonical name and every alias", () => {
  const own = openPriceBook({
    overrides: [
      { model: "openai/gpt-4o", input: "2.00", output: "8", effective_from: "2026-12-01" },
      { model: "local/*", free: true },
      { model: "acme/writer-1", input: "0.25", output: "1" },
    ],
  });
  const december = Date.parse("2026-12-01T00:00:00Z");
  expect(own.resolve({ provider: "openai", model: "gpt-4o-2024-08-06", at: december - 1 })?.pico.input_fresh).toBe(2_500_000n);
  const late = own.resolve({ provider: "openai", model: "GPT-4o-2024-08-06", at: december });
  expect(late).toMatchObject({
    model: "openai/gpt-4o",
    pico: { input_fresh: 2_000_000n, output_text: 8_000_000n },
    output_max: 16_384,
  });
  expect(own.byId(late?.id ?? "")).toEqual(late);
  expect(own.byId(`${BASE_SOURCE}:openai/gpt-4o@first`)?.pico.input_fresh).toBe(2_500_000n);
  expect(own.resolve({ provider: "local", model: "Qwen3", at: NOW })).toMatchObject({ model: "local/qwen3", free: true });
  expect(own.providerOf("writer-1")).toBe("acme");
  expect(own.list(december).some((each) => each.model === "acme/writer-1")).toBe(true);
});

test("an edited entry is another row, so that history keeps its own", () => {
  const id = (input: string): string | undefined =>
    openPriceBook({ overrides: [{ model: "acme/a", input, output: "1" }] }).resolve({ provider: "acme", model: "a", at: NOW })
      ?.id;
  expect(id("1")).not.toBe(id("2"));
});

test("two entries that begin together are refused", () => {
  const twice = { model: "acme/a", input: "1", output: "1" };
  expect(() => openPriceBook({ overrides: [twice, twice] })).toThrow("keep one");
});

test("H1: a price far from the published one is told", () => {
  expect(priceAlarms([{ model: "openai/gpt-4o", input: "0.0025", output: "10" }], NOW)).toEqual([
    'Price of "openai/gpt-4o": input_fresh is 0.0025 $/M, the published price is 2.50 $/M.',
  ]);
  expect(priceAlarms([{ model: "openai/gpt-4o", input: "2", output: "8" }], NOW)).toEqual([]);
  expect(perMillion(1n)).toBe("0.000001");
});

test("the dearest row of a provider is at least as dear as every other", () => {
  const dearest = book.dearest("anthropic", NOW);
  for (const each of book.list(NOW).filter(({ provider }) => provider === "anthropic")) {
    expect(dearest?.pico.output_text ?? 0n).toBeGreaterThanOrEqual(each.pico.output_text ?? 0n);
  }
  expect(book.dearest("nobody", NOW)).toBeNull();
  const day = Date.parse("2026-12-01T00:00:00Z");
  const entry = { model: "acme/a", output: "1" };
  const own = openPriceBook({
    overrides: [
      { ...entry, input: "1" },
      { ...entry, input: "9", effective_from: "2026-12-01" },
    ],
  });
  expect([day - 1, day, day - 1].map((at) => own.dearest("acme", at)?.pico.input_fresh)).toEqual([
    1_000_000n,
    9_000_000n,
    1_000_000n,
  ]);
});

test("no name that a client can send breaks the book or is given a price it does not have", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (name) => {
      expect(book.resolve({ provider: "openai", model: `zz${name}`, at: NOW })).toBeNull();
    }),
    { numRuns: 300 },
  );
  for (const name of ["__proto__", "constructor", "toString"]) expect(row("openai", name)).toBeNull();
});

test("a model that bills searches or sound on every call has a price only where the data names them", () => {
  for (const name of ["gpt-4o-search-preview", "gpt-4o-mini-search-preview-2025-03-11", "gpt-4o-audio-preview"])
    expect(row("openai", name), name).toBeNull();
  expect(row("openrouter", "perplexity/sonar")).toBeNull();
  expect(row("openai", "gpt-audio")?.pico.input_audio).toBe(32_000_000n);
  expect(row("openai", "gpt-4o-mini")?.model).toBe("openai/gpt-4o-mini");
  const overrides = [{ model: "openai/gpt-4o-search-preview", input: "2.50", output: "10.00" }];
  const [known] = openPriceBook({ overrides })
    .list(NOW)
    .filter(({ model }) => model === "openai/gpt-4o-search-preview");
  expect(known?.pico.input_fresh).toBe(2_500_000n);
});
