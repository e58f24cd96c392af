// Case H3 at its full size through every rule: ten million calls, each held, priced and posted.
import { expect, test } from "vitest";
import { postThroughRules } from "../ten-million-posts.js";

test("H3: ten million calls held and posted by the rules differ from a rational oracle by nothing", () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`SEED=${seed}`);
  const { state, calls, oracle } = postThroughRules(10_000_000, seed);
  const used = [...state.accounts.values()][0]?.used ?? 0n;
  expect(used - oracle).toBe(0n);
  expect(state.agents.get("a")?.calls).toBe(calls);
}, 600_000);
