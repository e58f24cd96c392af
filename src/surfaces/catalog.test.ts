import { expect, test } from "vitest";
import { openPriceBook } from "../accounting/price/price-book.js";
import type { Upstream } from "../call/needs.js";
import { openCatalog } from "./catalog.js";

const prices = openPriceBook();
const upstreams = new Map([["openai-chat", {} as Upstream] as const]);
const at = Date.parse("2026-11-24T12:00:00Z");

test("a provider by a name of its own has the dearest model of its kind for those without a price", () => {
  const providers = [{ name: "corp", kind: "azure" as const, priced_as: "openai", free: false, upstreams }];
  const [found] = openCatalog({ prices, providers }).candidates({ dialect: "openai-chat", model: "corp/gpt-99", at });
  expect(found?.price).toBeNull();
  expect(found?.dearest?.id).toBe(prices.dearest("openai", at)?.id);
});

test("a prefix that is the provider's name or kind is ours and is not sent on", () => {
  const providers = [{ name: "corp", kind: "openai" as const, priced_as: "openai", free: false, upstreams }];
  const catalog = openCatalog({ prices, providers });
  for (const model of ["gpt-4o", "corp/gpt-4o", "openai/gpt-4o"]) {
    expect(catalog.candidates({ dialect: "openai-chat", model, at })).toMatchObject([
      { model: "gpt-4o", canonical: "openai/gpt-4o" },
    ]);
  }
});

test("who serves a model is remembered until its price is another one, and never longer", () => {
  const dated = (input: string, effective_from: string) => ({ model: "corp/m", input, output: "1", effective_from });
  const book = openPriceBook({ overrides: [dated("1", "2026-01-01"), dated("2", "2026-12-01")] });
  const providers = [{ name: "corp", kind: "openai-compatible" as const, free: false, upstreams }];
  const catalog = openCatalog({ prices: book, providers });
  const ask = (day: string) =>
    catalog.candidates({ dialect: "openai-chat", model: "corp/m", at: Date.parse(`${day}T00:00:00Z`) });
  const before = ask("2026-11-24");
  expect(ask("2026-11-30")).toBe(before);
  expect(before[0]?.price?.pico.input_fresh).toBe(1_000_000n);
  expect(ask("2026-12-01")[0]?.price?.pico.input_fresh).toBe(2_000_000n);
  expect(ask("2026-11-30")[0]?.price?.pico.input_fresh).toBe(1_000_000n);
  expect(ask("2025-12-31")[0]?.price).toBeNull();
});

test("names that clients make up are remembered within a bound, and a model stays who it is beside them", () => {
  const providers = [{ name: "corp", kind: "openai-compatible" as const, free: true, upstreams }];
  const catalog = openCatalog({ prices, providers });
  const ask = (model: string) => catalog.candidates({ dialect: "openai-chat", model, at });
  const first = ask("corp/mine");
  for (let n = 0; n < 3_000; n++) expect(ask(`corp/made-up-${n}`)[0]?.model).toBe(`made-up-${n}`);
  expect(ask("corp/mine")).toEqual(first);
  expect(ask("corp/mine")).not.toBe(first);
});
