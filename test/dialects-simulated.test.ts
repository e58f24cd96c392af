// Both dialects against the simulated provider, whose bill is its own: what is read is what was billed, or it is flagged.
import { describe, expect, test } from "vitest";
import { inputTokens, outputTokens } from "../src/accounting/meter/usage.js";
import type { Dialect } from "../src/call/needs.js";
import { anthropicMessagesDialect } from "../src/providers/anthropic/wire.js";
import { openAiChat } from "../src/providers/openai/wire.js";
import { openSimulated } from "../src/providers/simulated/open-simulated.js";
import { systemClock } from "../src/surfaces/system-clock.js";
import { type Replayed, replay, understood } from "./replay-stream.js";

const never = new AbortController().signal;
const DIALECTS = [
  { dialect: openAiChat, model: "gpt-4o", more: {} },
  { dialect: anthropicMessagesDialect, model: "claude-sonnet-4-5", more: { max_tokens: 500 } },
];

/** One call: the request is read and prepared as the road does, and the answer's bytes are read whole. */
async function call(
  of: (typeof DIALECTS)[number],
  options: { stream: boolean; headers?: Record<string, string>; model?: string },
) {
  const upstream = openSimulated({ clock: systemClock(), latency: "none" });
  const body = {
    model: options.model ?? of.model,
    messages: [{ role: "user", content: "Tell me of ferries." }],
    stream: options.stream,
    ...of.more,
  };
  const request = of.dialect.read(Buffer.from(JSON.stringify(body)));
  const prepared = of.dialect.prepare(request, { include_usage: true });
  const reply = await upstream.send(
    {
      dialect: of.dialect.name,
      model: request.model,
      query: "",
      body: prepared,
      headers: options.headers ?? {},
      credentials: {},
      stream: options.stream,
      framing: "sse",
    },
    never,
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  return { request, chunks, line: upstream.bill().by_call[0]! };
}

const streamed = (dialect: Dialect, of: Awaited<ReturnType<typeof call>>): Replayed => replay(dialect, of.request, of.chunks);

describe.each(DIALECTS)("$dialect.name", (of) => {
  const { dialect } = of;

  test.each(["1", "2", "3", "4", "5"])("usage read from seed %s is what was billed, streamed and whole", async (seed) => {
    const headers = { "x-sim-seed": seed, "x-sim-cached-tokens": "7", "x-sim-input-tokens": "40" };
    for (const stream of [true, false]) {
      const answer = await call(of, { stream, headers });
      const usage = stream ? streamed(dialect, answer).seen.usage : dialect.readReply(Buffer.concat(answer.chunks)).usage;
      const { line } = answer;
      expect([inputTokens(usage!.counts), outputTokens(usage!.counts)]).toEqual([line.input, line.output]);
      expect(usage!.counts.cache_read).toBe(line.cached);
    }
  });

  test.each(["get_balance", ""])("a stream with the tool call %j is final, unflagged and metered", async (tool) => {
    const answer = await call(of, { stream: true, headers: tool === "" ? {} : { "x-sim-tool-call": tool } });
    const { seen } = streamed(dialect, answer);
    expect(seen).toMatchObject({ usage_final: true, terminal: true, flags: [], error: null });
    expect(seen.metered_output).toBeGreaterThan(0);
    expect(seen.metered_output).toBeLessThan(answer.line.output * 2 + 20);
  });

  test.each(["negative", "nan", "string", "zero", "huge"])(
    "usage that lies (%s) never counts, and the client still reads its stream",
    async (lie) => {
      const answer = await call(of, { stream: true, headers: { "x-sim-fault": `usage=${lie}` } });
      const { seen, forwarded, closing } = streamed(dialect, answer);
      expect(seen).toMatchObject({ usage_final: false, terminal: true });
      expect(seen.flags.join()).toMatch(/usage_invalid:/);
      for (const event of understood(Buffer.concat([forwarded, closing]))) {
        if (event.data !== "[DONE]") expect(() => JSON.parse(event.data!)).not.toThrow();
      }
      const whole = await call(of, { stream: false, headers: { "x-sim-fault": `usage=${lie}` } });
      expect(dialect.readReply(Buffer.concat(whole.chunks)).usage).toBeNull();
    },
  );

  test.each(["twice", "decreasing"])("usage that comes %s is what was billed", async (lie) => {
    const answer = await call(of, { stream: true, headers: { "x-sim-fault": `usage=${lie}` } });
    const { seen } = streamed(dialect, answer);
    expect(outputTokens(seen.usage!.counts)).toBe(answer.line.output);
    expect(seen.usage_final).toBe(true);
  });

  test("no usage is none, and an error event is named", async () => {
    const silent = streamed(dialect, await call(of, { stream: true, headers: { "x-sim-fault": "no-usage" } }));
    expect(silent.seen).toMatchObject({ usage_final: false, terminal: true, error: null });
    const failed = streamed(dialect, await call(of, { stream: true, headers: { "x-sim-fault": "error-event=5" } }));
    expect(failed.seen.error).not.toBeNull();
    expect(failed.seen.usage_final).toBe(false);
  });

  test("chunks of one byte change nothing", async () => {
    const plain = await call(of, { stream: true, headers: { "x-sim-seed": "s" } });
    const bytes = await call(of, { stream: true, headers: { "x-sim-seed": "s", "x-sim-fault": "chunk-bytes=1" } });
    expect(streamed(dialect, bytes).seen.usage).toEqual(streamed(dialect, plain).seen.usage);
    expect(bytes.chunks.length).toBeGreaterThan(plain.chunks.length);
  });
});
