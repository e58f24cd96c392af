// Cases K4 and K5 of the adversarial list: what watches may stand still, and so may the process. K3 stands beside the
// SQLite store.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { type OpenLedger, openJournal } from "../../src/stores/journal.js";
import { memoryPersistence } from "../../src/stores/memory/open-memory.js";
import { openRunningBursar, standingChecks } from "../e2e/running-bursar.js";
import { budget, ceiling, hold, standingClock } from "../ledger-fixtures.js";
import { delta, drained, events, openTestRoad, textOf, usageChunk } from "../road-fixtures.js";

afterEach(() => void vi.useRealTimers());

test("K4: listeners of live events that read nothing hold up neither calls nor their settling, and are dropped", async () => {
  const at = await openRunningBursar("budgets:\n  - { name: day, limit: { usd: 50 }, window: day }");
  const blocked = await Promise.all(Array.from({ length: 20 }, () => fetch(`${at.url}/api/v1/events`)));
  expect(blocked.map(({ status }) => status)).toEqual(Array(20).fill(200));
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 30 }, () =>
        at.openai().chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "x".repeat(2_000) }] }),
      ),
    );
  }
  await standingChecks(at);
  expect(await at.entries("call.posted")).toHaveLength(300);
  expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
  await Promise.all(blocked.map((response) => response.body?.cancel()));
  await at.close();
});

/** A ledger whose sweep runs by hand: real rules, virtual timers. */
async function withHold(): Promise<{ ledger: OpenLedger; clock: ReturnType<typeof standingClock> }> {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const clock = standingClock();
  const ledger = await openJournal({ persistence: memoryPersistence(), clock });
  await ledger.apply([{ type: "declare", budgets: [budget({ name: "b", limit: 10n ** 9n })], actor: "t", reason: "t" }]);
  await ledger.apply([hold("x", ceiling(20, 10))]);
  return { ledger, clock };
}

test("K5: five seconds without a turn of the loop expire no hold, wherever between two renewals they fall", async () => {
  for (const renewed of [0, 5_000, 9_999]) {
    const { ledger, clock } = await withHold();
    clock.move(10_000);
    ledger.renew(["x.1"]);
    clock.move(renewed + 5_000);
    vi.advanceTimersByTime(15_000);
    await sleep(5);
    expect([renewed, ledger.state().holds.get("x.1")?.state]).toEqual([renewed, "pending"]);
    // A minute of silence is what it takes.
    clock.move(60_000);
    vi.advanceTimersByTime(15_000);
    await expect.poll(() => ledger.state().holds.get("x.1")?.state).toBe("presumed");
    await ledger.close();
    vi.useRealTimers();
  }
});

test("K5: a stream in flight while the process stands still for longer than its time-outs is settled at its usage", async () => {
  const at = await openTestRoad({
    budgets: [budget({ name: "b", limit: 10n ** 9n })],
    limits: { idle_ms: 1_000, first_byte_ms: 1_000, drain_ms: 1_000 },
    script: () =>
      events(
        (async function* () {
          yield delta("hello");
          await sleep(20);
          // Nothing runs meanwhile: no timer, no renewal, no reader.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
          yield usageChunk(9, 2);
          yield "data: [DONE]\n\n";
        })(),
      ),
  });
  const reply = await at.call({ model: "gpt-4o", stream: true, max_tokens: 50, messages: [{ role: "user", content: "hi" }] });
  if (reply.kind !== "stream") throw new Error("it is no stream");
  expect(await textOf(reply.body)).toContain("[DONE]");
  await drained(at.road);
  expect((await at.ledger.readCall("call0")).at(-1)).toMatchObject({ type: "call.posted", nano: "42500", outcome: "end" });
});
