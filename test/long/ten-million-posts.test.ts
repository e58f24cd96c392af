// Case H3 at its full size through every rule: BURSAR_POSTS (10,000,000) calls, each held, priced and posted.
import { expect, test } from "vitest";
import { postInThread } from "../post-in-thread.js";
import { openRun, seedOfRun, sizeFrom } from "./results.js";

const CALLS = sizeFrom("BURSAR_POSTS", 10_000_000);

test(`H3: ${CALLS} calls held and posted by the rules differ from a rational oracle by nothing`, async () => {
  const seed = seedOfRun();
  const note = openRun("posts by the rules", { calls: CALLS, seed });
  const { account, agent, oracle } = await postInThread("rules", { calls: CALLS, seed });
  expect(account).toEqual({ used: oracle, held: 0n, presumed: 0n, overrun: 0n });
  expect(agent).toEqual({ calls: CALLS, nano: oracle });
  note({ nano: String(oracle), difference: 0 });
});
