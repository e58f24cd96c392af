import fc from "fast-check";
import { countTokens as cl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { countTokens as o200k } from "gpt-tokenizer/encoding/o200k_base";
import { expect, test } from "vitest";
import { COUNT_LENGTH_MAX, countTokens, type Tokenizers } from "./count-tokens.js";
import { estimatePrompt, type MediaSize, mediaTokens, type PromptSizes } from "./prompt.js";

const tokenizers: Tokenizers = { o200k_base: (text) => o200k(text), cl100k_base: (text) => cl100k(text) };
const prompt = (texts: readonly string[], rest: Partial<PromptSizes> = {}): PromptSizes => ({
  texts,
  messages: texts.length,
  tools: [],
  media: [],
  ...rest,
});

test("a short prompt of text is counted exactly where the tokenizer is the model's own", () => {
  const texts = ["You are a careful treasurer.", "How much is left for research this week?"];
  const counted = estimatePrompt(prompt(texts), "openai/gpt-4o", tokenizers);
  expect(counted).toMatchObject({ exact: true, tokens: o200k(texts[0] ?? "") + o200k(texts[1] ?? "") + 2 * 4 + 3 });
  expect(estimatePrompt(prompt(texts), "openai/gpt-5", tokenizers).exact).toBe(false);
  expect(estimatePrompt(prompt(texts), "openai/gpt-4o").exact).toBe(false);
  expect(estimatePrompt(prompt(texts, { tools: [200] }), "openai/gpt-4o", tokenizers).exact).toBe(false);
});

test("long prompts and encodings that are not loaded are not counted", () => {
  expect(countTokens(["a".repeat(COUNT_LENGTH_MAX + 1)], "openai/gpt-4o", tokenizers)).toBeNull();
  expect(countTokens(["short"], "anthropic/claude-haiku-4-5", tokenizers)).toBeNull();
  expect(countTokens(["你好"], "openai/gpt-4", tokenizers)).toBe(cl100k("你好"));
});

test("Claude's and Gemini's estimates carry their tokenizers' ratio", () => {
  const texts = ["The guild keeps two ledgers and compares them every evening before the doors are locked. ".repeat(20)];
  const tokens = (canonical: string): number => estimatePrompt(prompt(texts, { messages: 0 }), canonical).tokens;
  expect(tokens("anthropic/claude-haiku-4-5") / tokens("openai/gpt-4o")).toBeCloseTo(1.23, 1);
  expect(tokens("anthropic/claude-opus-5") / tokens("openai/gpt-4o")).toBeCloseTo(1.5, 1);
  expect(tokens("gemini/gemini-2.5-pro") / tokens("openai/gpt-4o")).toBeCloseTo(1.08, 1);
});

test("B8: images have the provider's bound, also by reference; sounds by their bytes; files and the rest none", () => {
  const image = (detail?: string): MediaSize => ({
    kind: "image",
    bytes: null,
    by_reference: true,
    ...(detail ? { detail } : {}),
  });
  expect(mediaTokens(image("high"), "openai/gpt-4o")).toBe(85 + 170 * 8);
  expect(mediaTokens(image("low"), "openai/gpt-4o")).toBe(85);
  expect(mediaTokens(image(), "openai/gpt-4o-mini")).toBe(2833 + 5667 * 8);
  expect(mediaTokens(image(), "anthropic/claude-haiku-4-5")).toBe(1600);
  expect(mediaTokens(image(), "acme/unknown")).toBeNull();
  expect(mediaTokens({ kind: "audio", bytes: 60_000, by_reference: false }, "openai/gpt-4o")).toBe(3840);
  expect(mediaTokens({ kind: "audio", bytes: 60_000, by_reference: true }, "openai/gpt-4o")).toBeNull();
  expect(mediaTokens({ kind: "file", bytes: 60_000, by_reference: false }, "openai/gpt-4o")).toBeNull();
  const unbounded = estimatePrompt(
    prompt(["x"], { media: [image(), { kind: "file", bytes: 9, by_reference: false }] }),
    "acme/unknown",
  );
  expect(unbounded.unbounded).toEqual(["image", "file"]);
});

test("the bytes of a prompt are what UTF-8 needs, and bound every count", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 5 }), (texts) => {
      const sizes = prompt(texts);
      const { bytes, tokens } = estimatePrompt(sizes, "openai/gpt-4o", tokenizers);
      const framing = estimatePrompt(prompt([], { messages: texts.length }), "openai/gpt-4o").tokens;
      expect(bytes).toBe(texts.reduce((total, text) => total + Buffer.byteLength(text), 0) + framing);
      expect(tokens).toBeLessThanOrEqual(bytes);
    }),
  );
});
