// The simulator's hand-written prices against the published data set: two tables, one truth.
import { calcPrice, findProvider } from "@pydantic/genai-prices";
import { expect, test } from "vitest";
import { nanoOf, nothingConsumed } from "../src/providers/simulated/bill.js";
import { openModelTable, type SimulatedModel } from "../src/providers/simulated/price-table.js";

const providerIds: Record<string, string> = {
  openai: "openai",
  anthropic: "anthropic",
  gemini: "google",
  groq: "groq",
  deepseek: "deepseek",
  mistral: "mistral",
  xai: "x-ai",
  openrouter: "openrouter",
};
/** DeepSeek is cheaper at night; the table holds what it costs by day. */
const noon = new Date("2026-11-24T12:00:00Z");
const { models } = openModelTable();
const million = 1_000_000;

interface Probe {
  readonly input: number;
  readonly cached: number;
  readonly write_5m: number;
  readonly write_1h: number;
  readonly output: number;
}

const nothing: Probe = { input: 0, cached: 0, write_5m: 0, write_1h: 0, output: 0 };

function simulated(model: SimulatedModel, probe: Probe): bigint {
  const { input, cached, output } = probe;
  const writes = { cache_write_5m: probe.write_5m, cache_write_1h: probe.write_1h };
  return nanoOf({ ...nothingConsumed(), input, cached, ...writes, output }, model);
}

function published(model: SimulatedModel, name: string, probe: Probe): bigint {
  const providerId = providerIds[model.provider] as string;
  const provider = findProvider({ providerId });
  if (provider === undefined) throw new Error(`no provider ${providerId}`);
  const price = calcPrice(
    {
      input_tokens: probe.input,
      cache_read_tokens: probe.cached,
      cache_write_tokens: probe.write_5m + probe.write_1h,
      ...(probe.write_1h > 0 ? { cache_write_1h_tokens: probe.write_1h } : {}),
      output_tokens: probe.output,
    },
    name,
    { provider, timestamp: noon },
  );
  if (price === null) throw new Error(`${providerId} has no price for ${name}`);
  // Whole cents and more: far within what a double holds exactly.
  return BigInt(Math.round(price.total_price * 1e9));
}

const anthropic = (model: SimulatedModel): boolean => model.provider === "anthropic";

test.each(models.map((model) => [model.name, model] as const))("%s costs what is published", (name, model) => {
  const small = 100_000;
  const probes: Probe[] = [
    { ...nothing, input: small },
    { ...nothing, input: small, cached: small },
    { ...nothing, output: million },
    { ...nothing, input: small, cached: 30_000, output: small },
    { ...nothing, input: million, cached: 250_000, output: small },
    ...(anthropic(model)
      ? [
          { ...nothing, input: small, write_5m: small },
          { ...nothing, input: small, write_1h: small },
          { ...nothing, input: million, cached: 1_000, write_5m: 500_000, output: small },
        ]
      : []),
  ];
  for (const probe of probes) expect(simulated(model, probe), JSON.stringify(probe)).toBe(published(model, name, probe));
  expect(published(model, model.snapshot, { ...nothing, input: small })).toBe(
    published(model, name, { ...nothing, input: small }),
  );
});

test.each(models.filter((model) => model.long_above !== null).map((model) => [model.name, model] as const))(
  "%s flips the whole request at the same token count",
  (name, model) => {
    const edge = model.long_above as number;
    for (const input of [edge, edge + 1])
      expect(simulated(model, { ...nothing, input, output: 1000 })).toBe(
        published(model, name, { ...nothing, input, output: 1000 }),
      );
    expect(simulated(model, { ...nothing, input: edge + 1 })).toBeGreaterThan(
      (simulated(model, { ...nothing, input: edge }) * 3n) / 2n,
    );
  },
);

test("the table knows the models that the examples and budgets name", () => {
  const names = models.map((model) => model.name);
  const wanted =
    "gpt-4o gpt-4o-mini gpt-4.1 gpt-4.1-mini gpt-4.1-nano o3 o4-mini gpt-5 gpt-5-mini claude-3-5-sonnet claude-3-haiku";
  expect(names).toEqual(expect.arrayContaining(wanted.split(" ")));
  const more =
    "claude-haiku-4-5 claude-sonnet-4-5 claude-opus-4-1 claude-3-5-haiku claude-sonnet-5 gemini-2.5-pro gemini-2.5-flash";
  expect(names).toEqual(expect.arrayContaining(more.split(" ")));
});
