import { expect, test } from "vitest";
import { neutralOf, thinkingBudget } from "./v3-call.js";

function call(thinking: unknown) {
  return { prompt: [], maxOutputTokens: 500, providerOptions: { anthropic: { thinking } } };
}

test.each([
  [{ type: "enabled", budgetTokens: 2_000 }, 2_000],
  // The provider takes 1,024 where none is given.
  [{ type: "enabled" }, 1_024],
  [{ type: "enabled", budgetTokens: undefined }, 1_024],
  [{ type: "enabled", budgetTokens: null }, 1_024],
  [{ type: "adaptive" }, 0],
  [{ type: "disabled" }, 0],
  [undefined, 0],
])("thinking %j adds %i tokens to the cap that is held", (thinking, added) => {
  const of = { call: call(thinking), provider: "anthropic", model: "claude-sonnet-4-5", stream: false };
  expect(thinkingBudget("anthropic", of.call)).toBe(added);
  expect(neutralOf(of).output_cap).toBe(500 + added);
});

test("another provider adds nothing for thinking", () => {
  expect(thinkingBudget("openai", call({ type: "enabled" }))).toBe(0);
});
