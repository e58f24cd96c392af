// docs/reference/clients.md as a whole; its rows are compared where they are shown.
import { expect, test } from "vitest";
import { AGENTS_USES } from "./agents-uses.js";
import { AI_SDK_USES } from "./ai-sdk-uses.js";
import { ANTHROPIC_USES } from "./anthropic-uses.js";
import { keysOf, pageHead, rowsOfPage, writeRows } from "./clients-page.js";
import { GENAI_USES } from "./genai-uses.js";
import { LANGCHAIN_USES } from "./langchain-uses.js";
import { OPENAI_USES } from "./openai-uses.js";

const ALL = [OPENAI_USES, ANTHROPIC_USES, GENAI_USES, AI_SDK_USES, LANGCHAIN_USES, AGENTS_USES].flat();

test("the page has a row for every client that is driven, and no other", () => {
  const keys = keysOf(ALL);
  expect(new Set(keys).size).toBe(keys.length);
  if (process.env.UPDATE === "1") writeRows(new Map(), new Set(keys));
  expect([...rowsOfPage().keys()].sort()).toEqual(keys);
});

test("the page says how it came to be", () => {
  const { is, due } = pageHead();
  expect(is).toBe(due);
});
