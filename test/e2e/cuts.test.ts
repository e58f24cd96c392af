// Streams that end early: the client leaves, or the money is gone. The official clients see an ending they understand,
// and the ledger is settled at no less than what was produced.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar, sim, standingChecks } from "./running-bursar.js";

const messages = [{ role: "user" as const, content: "Write at length." }];
const chat = { model: "gpt-4o-mini", messages, stream: true as const };
const message = { model: "claude-haiku-4-5", max_tokens: 20_000, messages };
const TOOL = { type: "object" as const, properties: { text: { type: "string" } }, required: ["text"] };
const openaiTools = [{ type: "function" as const, function: { name: "write", parameters: TOOL } }];
const anthropicTools = [{ name: "write", input_schema: TOOL }];
/** Beyond every budget here, at a pace at which little is on its way when the cut comes. */
const LONG = { "output-tokens": 12_000, "tokens-per-second": 3_000, fault: "ignore-cap=12000" };

let at: RunningBursar;

beforeEach(async () => {
  at = await openRunningBursar(`budgets:
  - { name: roomy, match: { agent: roomy }, limit: { usd: 20 } }
  - { name: tight, match: { agent: tight }, per: [task], limit: { tokens: 2500 } }
limits: { drain_timeout: 1s }`);
});
afterEach(() => at.close());

const by = (agent: string, steer: Record<string, string | number>, task = "one") => ({
  headers: { ...sim(steer).headers, "x-bursar-agent": agent, "x-bursar-task": task },
});

test("OpenAI: a client that aborts sees its own error, and the call is settled at no less than was produced", async () => {
  const stream = await at
    .openai()
    .chat.completions.create(chat, by("roomy", { "output-tokens": 5000, "tokens-per-second": 1500 }));
  let text = "";
  await expect(
    (async () => {
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? "";
        if (text.length > 40) stream.controller.abort();
      }
      // The client's iterator ends silently when it is its own controller that aborted.
      if (stream.controller.signal.aborted) throw new OpenAI.APIUserAbortError();
    })(),
  ).rejects.toThrow(OpenAI.APIUserAbortError);
  await standingChecks(at, "covered");
  const [posted] = await at.entries("call.posted");
  expect(posted?.outcome).toBe("aborted");
  expect((await at.bill()).by_call[0]).toMatchObject({ ended: "left" });
});

test("Anthropic: a client that aborts sees its own error, and the call is settled at no less than was produced", async () => {
  const stream = at.anthropic().messages.stream(message, by("roomy", { "output-tokens": 5000, "tokens-per-second": 1500 }));
  stream.on("text", () => stream.abort());
  await expect(stream.finalMessage()).rejects.toThrow(Anthropic.APIUserAbortError);
  await standingChecks(at, "covered");
  expect((await at.entries("call.posted")).map((entry) => entry.outcome)).toEqual(["aborted"]);
});

test("a client that aborts a short answer still pays exactly what it cost: its usage is read to the end", async () => {
  const stream = await at.openai().chat.completions.create(chat, by("roomy", { "output-tokens": 300, "tokens-per-second": 600 }));
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  await standingChecks(at);
});

test("a client that leaves before the answer begins is settled too", async () => {
  for (const stream of [false, true]) {
    const stop = new AbortController();
    const slow = by("roomy", { "first-token-ms": 300, "output-tokens": 20 });
    const read = async (): Promise<void> => {
      const answer = await at.openai().chat.completions.create({ ...chat, stream }, { ...slow, signal: stop.signal });
      if ("controller" in answer) for await (const chunk of answer) expect(chunk.choices).toHaveLength(1);
      stop.signal.throwIfAborted();
    };
    const reading = read();
    await expect.poll(() => at.server.core.road.active.size).toBe(1);
    stop.abort();
    await expect(reading).rejects.toThrow(/abort/i);
    await standingChecks(at);
  }
});

test("OpenAI: when the money is gone the stream ends as if by length, with usage for who asked", async () => {
  const stream = await at
    .openai()
    .chat.completions.create({ ...chat, stream_options: { include_usage: true } }, by("tight", LONG));
  let finish: string | null = null;
  let usage: OpenAI.CompletionUsage | null = null;
  let bursar: unknown;
  for await (const chunk of stream) {
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
    bursar = (chunk as { bursar?: unknown }).bursar ?? bursar;
  }
  expect(finish).toBe("length");
  expect(usage?.completion_tokens).toBeGreaterThan(1000);
  expect(bursar).toMatchObject({ cut: expect.stringMatching(/budget/i) });
  await at.settled();
  const [posted] = await at.entries("call.posted");
  expect(posted?.outcome).toBe("cut");
  expect((await at.bill()).by_call[0]).toMatchObject({ ended: "left" });
  const { accounts } = await at.ask<{ accounts: { left: string; held: string }[] }>("/budgets/tight");
  expect(accounts).toMatchObject([{ left: "0", held: "0" }]);
});

test("OpenAI: the stream helper and a tool call in the middle of its arguments survive the cut", async () => {
  const asked = { model: "gpt-4o-mini", messages, tools: openaiTools };
  const stream = at.openai().chat.completions.stream(asked, by("tight", { ...LONG, "tool-call": "write" }, "tool"));
  const final = await stream.finalChatCompletion();
  expect(final.choices[0]?.finish_reason).toBe("length");
  expect(final.choices[0]?.message.tool_calls?.[0]?.function.name).toBe("write");
  const raw = await at
    .openai()
    .chat.completions.create({ ...asked, stream: true }, by("tight", { ...LONG, "tool-call": "write" }, "raw"));
  let written = "";
  let finish: string | null = null;
  for await (const chunk of raw) {
    written += chunk.choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  expect(finish).toBe("length");
  expect(written.length).toBeGreaterThan(1000);
  expect(() => JSON.parse(written)).toThrow();
});

test("Anthropic: when the money is gone the message ends with max_tokens", async () => {
  const stream = at.anthropic().messages.stream(message, by("tight", LONG));
  const types: string[] = [];
  stream.on("streamEvent", (event) => types.push(event.type));
  const final = await stream.finalMessage();
  expect(final.stop_reason).toBe("max_tokens");
  expect(final.content.at(-1)).toMatchObject({ type: "text", text: expect.stringMatching(/\w+ \w+/) });
  expect(types.slice(-3)).toEqual(["content_block_stop", "message_delta", "message_stop"]);
  await at.settled();
  expect((await at.entries("call.posted")).map((entry) => entry.outcome)).toEqual(["cut"]);
});

test("Anthropic: a cut inside a tool's input ends well-formed", async () => {
  const stream = at
    .anthropic()
    .messages.stream({ ...message, tools: anthropicTools }, by("tight", { ...LONG, "tool-call": "write" }));
  const types: string[] = [];
  stream.on("streamEvent", (event) => types.push(event.type));
  const final = await stream.finalMessage();
  expect(final.stop_reason).toBe("max_tokens");
  expect(final.content.at(-1)?.type).toBe("tool_use");
  expect(types.slice(-3)).toEqual(["content_block_stop", "message_delta", "message_stop"]);
});

test("a cut posts everything that was held, names what was in flight, and the task gets no further call", async () => {
  const stream = await at.openai().chat.completions.create(chat, by("tight", LONG));
  for await (const chunk of stream) expect(chunk.choices.length).toBe(1);
  await at.settled();
  const ceilings = [...(await at.entries("call.held")), ...(await at.entries("call.extended"))].map((entry) => entry.ceiling);
  const held = ceilings.reduce((sum, ceiling) => sum + BigInt(ceiling.nano), 0n);
  expect(ceilings.length).toBeGreaterThan(1);
  const overruns = await at.entries("call.overrun");
  expect(overruns.every((entry) => entry.cause === "U3")).toBe(true);
  const inFlight = overruns.reduce((sum, entry) => sum + BigInt(entry.nano), 0n);
  expect((await at.entries("call.posted")).map((entry) => BigInt(entry.nano))).toEqual([held + inFlight]);
  await expect(at.openai().chat.completions.create(chat, by("tight", LONG))).rejects.toMatchObject({ status: 402 });
});

test("two streams of one task share its budget and both end well-formed", async () => {
  const read = async (): Promise<string | null> => {
    const stream = await at.openai().chat.completions.create(chat, by("tight", { ...LONG, fault: "no-usage" }, "shared"));
    let finish: string | null = null;
    for await (const chunk of stream) finish = chunk.choices[0]?.finish_reason ?? finish;
    return finish;
  };
  expect(await Promise.all([read(), read()])).toEqual(["length", "length"]);
  await at.settled();
  const { accounts } = await at.ask<{ accounts: { used: string; limit: string }[] }>("/budgets/tight");
  const beyond = (await at.entries("call.overrun")).reduce((sum, entry) => sum + Number(entry.nano) / 1e9, 0);
  for (const account of accounts) expect(Number(account.used)).toBeLessThanOrEqual(Number(account.limit) + beyond);
});
