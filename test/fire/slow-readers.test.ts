// C9: clients that read nothing, or a byte now and then, while the provider would send for ever.
import { expect, test } from "vitest";
import { stallReaders } from "./stalled.js";

test("C9: forty clients with a shut window hold the provider back, cost bounded memory, and are settled when they have stalled", async () => {
  const outcome = await stallReaders({ readers: 40, idle: "1s" });
  console.log(JSON.stringify(outcome));
  expect(outcome.counted).toBe(40);
  // All of this process: the clients, the gateway and the provider of each.
  expect(outcome.grownPerReader).toBeLessThan(3 * 1_048_576);
});
