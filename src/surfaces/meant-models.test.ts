import { expect, test } from "vitest";
import { covers } from "../accounting/budget/scope.js";
import { openPriceBook } from "../accounting/price/price-book.js";
import type { Config } from "../config/config.js";
import { readConfig } from "../config/read-config.js";
import { meantModels } from "./meant-models.js";

const prices = openPriceBook();
const at = Date.UTC(2026, 10, 24);

function configured(model: string): Config {
  const text = `version: 1
keys:
  - { name: k, token: t, models: ["${model}"] }
budgets:
  - { name: b, match: { model: "${model}" }, limit: { usd: 1 } }
`;
  const read = readConfig(text, { file: "bursar.yaml", path: null, data: ".", laid: [], env: {} });
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  return read.config;
}

test("A13: a budget and a key on a snapshot without a price of its own mean the model it is priced as, and say so", () => {
  const canonical = prices.resolve({ provider: "openai", model: "gpt-4o-2024-08-06", at })?.model ?? "";
  expect(canonical).toBe("openai/gpt-4o");
  const { config, warnings } = meantModels(configured("gpt-4o-2024-08-06"), prices, at);
  const match = config.budgets[0]?.match ?? {};
  expect(covers(match, { key: "k", agent: "a", model: canonical })).toBe(true);
  expect(config.keys[0]?.identity.models).toEqual([canonical]);
  expect(warnings).toEqual([
    expect.stringMatching(/gpt-4o-2024-08-06.*budget "b".*openai\/gpt-4o is meant/),
    expect.stringMatching(/gpt-4o-2024-08-06.*key "k"/),
  ]);
});

test("selectors that can match stay as they are written, globs and unknown names too", () => {
  for (const model of ["gpt-4o", "openai/gpt-4o", "gpt-4o*", "gpt-4o-2024-05-13", "my-own-model", "Claude-Sonnet-4-5"]) {
    const { config, warnings } = meantModels(configured(model), prices, at);
    expect([config.budgets[0]?.match.model, config.keys[0]?.identity.models, warnings]).toEqual([model, [model], []]);
  }
});
