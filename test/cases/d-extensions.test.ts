// A stream is covered while it flows: where a budget refuses to extend its hold, it ends there and then, on each of the
// three grounds — more output than is held, more input than is held, a provider that ignores its cap.
import { expect, test } from "vitest";
import type { Dialect } from "../../src/call/needs.js";
import { anthropicMessagesDialect } from "../../src/providers/anthropic/wire.js";
import { openAiChat } from "../../src/providers/openai/wire.js";
import { budget } from "../ledger-fixtures.js";
import { delta, drained, events, openTestRoad, type TestRoad, textOf } from "../road-fixtures.js";

const ASK = { model: "gpt-4o", stream: true, messages: [{ role: "user", content: "hi" }] };
/** No stream of these tests ends by itself before. */
const FRAMES_MAX = 20_000;

interface Played {
  readonly text: string;
  /** Frames that the provider had written when it was stopped. */
  readonly frames: number;
  readonly outcomes: readonly string[];
}

/** One call of a provider that writes a frame after another until it is stopped. */
async function play(options: {
  limit: bigint;
  max_tokens: number;
  dialect?: Dialect;
  frame: (number: number, at: TestRoad) => Promise<string> | string;
}): Promise<Played> {
  let frames = 0;
  const at = await openTestRoad({
    budgets: [budget({ name: "b", limit: options.limit })],
    dialect: options.dialect ?? openAiChat,
    script: (_request, signal) => {
      async function* written(): AsyncIterable<string> {
        for (; frames < FRAMES_MAX && !signal.aborted; frames++) {
          yield await options.frame(frames, at);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      return events(written());
    },
  });
  const reply = await at.call({ ...ASK, max_tokens: options.max_tokens });
  if (reply.kind !== "stream") throw new Error(reply.kind === "refused" ? reply.error.message : "it is no stream");
  const text = await textOf(reply.body);
  await drained(at.road);
  const outcomes: string[] = [];
  for await (const entry of at.ledger.read(1)) if (entry.type === "call.posted") outcomes.push(entry.outcome);
  expect(at.ledger.state().holds.size).toBe(0);
  return { text, frames, outcomes };
}

test("a stream whose next slice of output is refused ends with the slice that is held, long before its cap", async () => {
  const played = await play({
    limit: 10n ** 9n,
    max_tokens: 8_192,
    async frame(number, at) {
      const nothingLeft = [budget({ name: "b", limit: 1n })];
      if (number === 100) await at.ledger.apply([{ type: "declare", budgets: nothingLeft, actor: "ada", reason: "lowered" }]);
      return delta(" word");
    },
  });
  expect(played.frames).toBeGreaterThan(500);
  expect(played.frames).toBeLessThan(1_200);
  expect(played.outcomes).toEqual(["cut"]);
  expect(played.text).toContain('"finish_reason":"length"');
});

test("a stream whose input turns out larger than any budget can pay for ends at once", async () => {
  const event = (type: string, more: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const message = { id: "msg_1", type: "message", role: "assistant", model: "m", content: [], usage: { input_tokens: 500_000 } };
  const block = { index: 0, content_block: { type: "text", text: "" } };
  const played = await play({
    limit: 10n ** 9n,
    max_tokens: 8_192,
    dialect: anthropicMessagesDialect,
    frame: (number) => {
      if (number === 0) return event("message_start", { message });
      if (number === 1) return event("content_block_start", block);
      return event("content_block_delta", { index: 0, delta: { type: "text_delta", text: " word" } });
    },
  });
  expect(played.frames).toBeLessThan(50);
  expect(played.outcomes).toEqual(["cut"]);
  expect(played.text).toContain('"stop_reason":"max_tokens"');
});

test("a provider that ignores its cap is stopped where the budget has no room for what it goes on to write", async () => {
  const played = await play({ limit: 2_000_000n, max_tokens: 100, frame: () => delta(" word") });
  expect(played.frames).toBeGreaterThan(100);
  expect(played.frames).toBeLessThan(300);
  expect(played.outcomes).toEqual(["cut"]);
  expect(played.text).toContain('"finish_reason":"length"');
});
