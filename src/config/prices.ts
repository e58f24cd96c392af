// `prices.yaml`: prices that go before the built-in ones. Money path: fails closed; decimals stay the text they were
// written as, and one wrong entry refuses the file.
import { z } from "zod";
import { BursarError } from "../accounting/errors.js";
import { type PriceOverride, priceRowOf } from "../accounting/price/prices-file.js";
import type { Env } from "./interpolate.js";
import { type Checked, issueProblems, problemAt } from "./issue-text.js";
import * as the from "./leaf.js";
import type { ConfigProblem, Path } from "./problem.js";
import { readYaml } from "./yaml-tree.js";

const TOKENS = { min: 1, max: 1_000_000_000 };

function decimal(about: string, example: string) {
  return the
    .leaf({ about, example }, { type: ["number", "string"] }, (value): the.Read<string> => {
      // What is a price and what is too small or too large for one is decided where rows are made.
      if (typeof value === "string" && /^\d{1,9}(\.\d{1,12})?$/.test(value)) return { value };
      return { wrong: `${the.shown(value)} is not a plain decimal.`, suggestion: `Write it such as ${example}.` };
    })
    .optional();
}

function priceShape() {
  const perMillion = (what: string) => decimal(`USD per million ${what}.`, "2.50");
  return {
    input: perMillion("input tokens"),
    output: perMillion("output tokens"),
    cache_read: perMillion("tokens read from a cache"),
    cache_write_5m: perMillion("tokens written to a cache for five minutes"),
    cache_write_1h: perMillion("tokens written to a cache for an hour"),
    reasoning: perMillion("reasoning tokens"),
    input_audio: perMillion("audio tokens in"),
    input_image: perMillion("image tokens in"),
    output_audio: perMillion("audio tokens out"),
    requests: decimal("USD per thousand requests.", "5"),
    web_searches: decimal("USD per thousand web searches.", "10"),
  };
}

/** The schema of `prices.yaml`. Built when asked for. */
export function pricesSchema() {
  const tier = z.strictObject({
    above: the.whole({ about: "From this many input tokens on, the whole request has these prices.", example: "200001" }, TOKENS),
    ...priceShape(),
  });
  const entry = z.strictObject({
    model: the.name({ about: "`provider/model`; `provider/*` prices every model of a provider.", example: "openai/gpt-4o" }),
    effective_from: the.name({ about: "Day (UTC) from which it holds. Left out: always.", example: "2026-11-24" }).optional(),
    ...priceShape(),
    tiers: z
      .array(tier)
      .meta({ description: "Long-context prices.", examples: ["[{ above: 200001, input: 6, output: 22.50 }]"] })
      .optional(),
    multipliers: z
      .record(z.string(), decimal("Factor of a service tier.", "0.5"))
      .meta({ description: "Factor on token prices per service tier.", examples: ["{ batch: 0.5 }"] })
      .optional(),
    free: the.toggle({ about: "It costs nothing: the only way to a price of zero.", example: "true" }).optional(),
    context_window: the.whole({ about: "Most tokens in.", example: "128000" }, TOKENS).optional(),
    output_max: the.whole({ about: "Most tokens out.", example: "16384" }, TOKENS).optional(),
  });
  return z.strictObject({
    version: the.choice({ about: "Version of this file's format.", example: "1" }, ["1"]),
    prices: z.array(entry).meta({ description: "Entries.", examples: ["[{ model: openai/gpt-4o, input: 2.50, output: 10 }]"] }),
  });
}

type Entry = z.output<ReturnType<typeof pricesSchema>>["prices"][number];

function overrideOf(entry: Entry): PriceOverride {
  return JSON.parse(JSON.stringify(entry)) as PriceOverride;
}

function rowProblem(checked: Checked, override: PriceOverride, path: Path): ConfigProblem | null {
  try {
    priceRowOf(override);
    return null;
  } catch (error) {
    if (!(error instanceof BursarError)) throw error;
    const field = String(error.details.field ?? "").split(".");
    const at = [...path, ...field.filter((step) => step !== "")];
    return problemAt(checked, { path: at, message: error.message, suggestion: "Correct the entry or remove it." });
  }
}

/** The entries of a prices file, or what is wrong with it. Pure. */
export function readPrices(
  source: string,
  options: { readonly file: string; readonly env: Env },
): { readonly overrides: readonly PriceOverride[]; readonly problems: readonly ConfigProblem[] } {
  const yaml = readYaml(source, options);
  if (!yaml.readable) return { overrides: [], problems: yaml.problems };
  const schema = pricesSchema();
  const checked: Checked = { file: options.file, schema, yaml, laid: new Map() };
  const missing = yaml.missing.map(({ path, name }) => {
    const message = `The environment variable ${name} is not set.`;
    return problemAt(checked, { path, message, suggestion: `Set it, or write \${${name}:-default}.` });
  });
  const parsed = schema.safeParse(yaml.tree);
  if (!parsed.success) {
    const wrong = parsed.error.issues.flatMap((issue) => issueProblems(checked, issue));
    return { overrides: [], problems: [...yaml.problems, ...missing, ...wrong] };
  }
  const overrides = parsed.data.prices.map(overrideOf);
  const rows = overrides.map((override, index) => rowProblem(checked, override, ["prices", index]));
  return { overrides, problems: [...yaml.problems, ...missing, ...rows.filter((problem) => problem !== null)] };
}
