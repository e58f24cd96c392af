import { expect, test } from "vitest";
import { openPriceBook } from "../accounting/price/price-book.js";
import type { Upstream } from "../call/needs.js";
import { openCatalog } from "./catalog.js";

test("a provider by a name of its own has the dearest model of its kind for those without a price", () => {
  const prices = openPriceBook();
  const upstreams = new Map([["openai-chat", {} as Upstream] as const]);
  const providers = [{ name: "corp", kind: "azure" as const, priced_as: "openai", free: false, upstreams }];
  const at = Date.parse("2026-11-24T12:00:00Z");
  const [found] = openCatalog({ prices, providers }).candidates({ dialect: "openai-chat", model: "corp/gpt-99", at });
  expect(found?.price).toBeNull();
  expect(found?.dearest?.id).toBe(prices.dearest("openai", at)?.id);
});
