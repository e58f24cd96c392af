import { expect, test } from "vitest";
import { budget } from "../../test/ledger-fixtures.js";
import { chunk, delta, drained, events, openTestRoad, type TestRoad, textOf, usageChunk } from "../../test/road-fixtures.js";
import { UpstreamFailure } from "./needs.js";
import type { CallReply } from "./reply.js";

const ASK = { model: "gpt-4o", stream: true, messages: [{ role: "user", content: "hi" }] };
const DOLLAR = 10n ** 9n;

function streamOf(reply: CallReply): AsyncIterable<Uint8Array> {
  if (reply.kind !== "stream") throw new Error(`expected a stream, got ${reply.kind}: ${Buffer.from(reply.body).toString()}`);
  return reply.body;
}

async function resolutionOf(at: TestRoad) {
  await drained(at.road);
  const entries = await at.ledger.readCall("call0");
  const last = entries.filter((entry) => ["call.posted", "call.voided", "call.presumed"].includes(entry.type));
  expect(last).toHaveLength(1);
  return last[0];
}

function road(frames: () => AsyncIterable<string> | Iterable<string>, limit = DOLLAR): Promise<TestRoad> {
  return openTestRoad({ budgets: [budget({ name: "b", limit })], script: () => events(frames()) });
}

const NORMAL = [
  delta("hello"),
  delta(" world"),
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
  usageChunk(9, 2),
  "data: [DONE]\n\n",
];

test("a stream that is read to its end is posted at the provider's usage", async () => {
  const at = await road(() => NORMAL);
  const text = await textOf(streamOf(await at.call(ASK)));
  expect(text).toContain("hello");
  expect(text).toContain("[DONE]");
  expect(await resolutionOf(at)).toMatchObject({ type: "call.posted", nano: "42500", evidence: "provider", outcome: "end" });
});

test("a consumer that leaves before the first frame is settled all the same", async () => {
  const at = await road(() => NORMAL);
  const iterator = streamOf(await at.call(ASK))[Symbol.asyncIterator]();
  await iterator.return?.();
  expect(await resolutionOf(at)).toMatchObject({ type: "call.posted", nano: "42500", evidence: "provider" });
});

test("a consumer that never even asks for the first frame, but whose connection closes, is settled", async () => {
  const gone = new AbortController();
  const at = await road(() => NORMAL);
  streamOf(await at.call(ASK, { signal: gone.signal }));
  gone.abort();
  expect(await resolutionOf(at)).toMatchObject({ type: "call.posted", nano: "42500" });
});

test("a consumer that leaves in the middle is drained to the usage", async () => {
  const at = await road(() => NORMAL);
  for await (const part of streamOf(await at.call(ASK))) {
    expect(part.byteLength).toBeGreaterThan(0);
    break;
  }
  expect(await resolutionOf(at)).toMatchObject({ type: "call.posted", nano: "42500", evidence: "provider" });
});

test("a drain that finds no end in its time aborts upstream and posts at what was held", async () => {
  let aborted = false;
  const at = await openTestRoad({
    budgets: [budget({ name: "b", limit: DOLLAR })],
    script: (_request, signal) => {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      return events(
        (async function* () {
          yield delta("hello");
          await new Promise(() => {});
        })(),
      );
    },
  });
  const gone = new AbortController();
  const iterator = streamOf(await at.call(ASK, { signal: gone.signal }))[Symbol.asyncIterator]();
  await iterator.next();
  gone.abort();
  const posted = await resolutionOf(at);
  expect(posted).toMatchObject({ type: "call.posted", evidence: "presumed", outcome: "aborted" });
  expect(aborted).toBe(true);
  expect(at.ledger.state().holds.size).toBe(0);
});

test("a stream whose budget runs out ends well-formed, aborts upstream and is posted at what was held", async () => {
  let aborted = false;
  const at = await openTestRoad({
    budgets: [budget({ name: "b", limit: 13_000_000n })],
    script: (_request, signal) => {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      return events(
        (async function* () {
          while (!aborted) {
            yield delta(" word");
            await new Promise((resolve) => setImmediate(resolve));
          }
        })(),
      );
    },
  });
  const text = await textOf(streamOf(await at.call(ASK)));
  expect(text).toContain('"finish_reason":"length"');
  expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
  expect(aborted).toBe(true);
  const posted = await resolutionOf(at);
  expect(posted).toMatchObject({ type: "call.posted", outcome: "cut" });
  const [account] = at.ledger.state().accounts.values();
  expect(account?.held).toBe(0n);
  expect(account !== undefined && account.used > 12_900_000n && account.used - account.overrun <= 13_000_000n).toBe(true);
});

test("a reset in the middle is presumed in full and the client gets an error event", async () => {
  const at = await road(async function* () {
    yield delta("hello");
    throw new UpstreamFailure("reset", "socket closed");
  });
  const text = await textOf(streamOf(await at.call(ASK)));
  expect(text).toContain("upstream_failed");
  expect(await resolutionOf(at)).toMatchObject({ type: "call.presumed", reason: "reset" });
  expect([...at.ledger.state().holds.values()].map((hold) => hold.state)).toEqual(["presumed"]);
});

test("an end without usage is posted by metering, above zero and within the hold", async () => {
  const at = await road(() => [delta("hello there, this is an answer"), "data: [DONE]\n\n"]);
  await textOf(streamOf(await at.call(ASK)));
  const posted = await resolutionOf(at);
  expect(posted).toMatchObject({ type: "call.posted", evidence: "metered", flags: ["no_usage"] });
  if (posted?.type === "call.posted") expect(BigInt(posted.nano)).toBeGreaterThan(0n);
});

test("usage that cannot be true is posted at what was held and flagged, never at zero", async () => {
  for (const usage of [
    { prompt_tokens: -1, completion_tokens: 2 },
    { prompt_tokens: "9", completion_tokens: 2 },
    { prompt_tokens: 1.5, completion_tokens: 2 },
  ]) {
    const at = await road(() => [delta("hello"), chunk({ usage }), "data: [DONE]\n\n"]);
    await textOf(streamOf(await at.call(ASK)));
    const posted = await resolutionOf(at);
    expect(posted).toMatchObject({ type: "call.posted", evidence: "presumed" });
    if (posted?.type === "call.posted") expect(posted.flags?.some((flag) => flag.startsWith("usage_invalid"))).toBe(true);
  }
});

test("the hold stays ahead of a long stream by slices, and true cost replaces it at the end", async () => {
  const words = 3_000;
  const at = await road(function* () {
    for (let n = 0; n < words; n++) yield delta(" word");
    yield usageChunk(9, words);
    yield "data: [DONE]\n\n";
  });
  await textOf(streamOf(await at.call(ASK)));
  const entries = await at.ledger.readCall("call0");
  expect(entries.filter((entry) => entry.type === "call.extended").length).toBeGreaterThanOrEqual(2);
  expect(entries.some((entry) => entry.type === "call.overrun")).toBe(false);
  expect(await resolutionOf(at)).toMatchObject({ nano: String(9 * 2_500 + words * 10_000) });
});

test("a stream that said its last word but never closes is a success, not an abort (C2)", async () => {
  const at = await road(async function* () {
    yield* NORMAL;
    await new Promise(() => {});
  });
  const text = await textOf(streamOf(await at.call(ASK)));
  expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
  expect(await resolutionOf(at)).toMatchObject({ type: "call.posted", nano: "42500", outcome: "end" });
});

test("an ending that upstream leaves without its blank line is read all the same", async () => {
  const at = await road(() => [...NORMAL.slice(0, 3), usageChunk(9, 2).trimEnd()]);
  await textOf(streamOf(await at.call(ASK)));
  expect(await resolutionOf(at)).toMatchObject({ type: "call.posted", nano: "42500", evidence: "provider" });
});
