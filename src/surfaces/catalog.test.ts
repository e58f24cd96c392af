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
