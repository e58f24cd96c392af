// Cases D5 and D6 of the adversarial list: an Idempotency-Key is billed once, whatever is repeated under it.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { CallRequest } from "../../src/call/admissible.js";
import { UpstreamFailure } from "../../src/call/needs.js";
import { type ContentBounds, openReplies, type Replies } from "../../src/call/replies.js";
import type { CallReply } from "../../src/call/reply.js";
import { openRoad } from "../../src/call/run-call.js";
import { anthropicMessagesDialect } from "../../src/providers/anthropic/wire.js";
import { openAiChat } from "../../src/providers/openai/wire.js";
import { replyHeaders, statusOf } from "../../src/surfaces/reply-headers.js";
import { budget } from "../ledger-fixtures.js";
import {
  chunk,
  completion,
  delta,
  drained,
  events,
  KEY,
  openTestRoad,
  type Script,
  type TestRoad,
  textOf,
  usageChunk,
  whole,
} from "../road-fixtures.js";

const ASK = { model: "gpt-4o", max_tokens: 100, messages: [{ role: "user", content: "hi" }] };
const CONTENT: ContentBounds = { keep: "memory", max_bytes: 1_000_000, for_ms: 3_600_000 };

interface Repeating extends TestRoad {
  /** A call under this Idempotency-Key. */
  keyed(key: string, body?: object, over?: Parameters<TestRoad["call"]>[1]): Promise<CallReply>;
  /** The same ledger and needs after a restart. */
  restarted(): Promise<(key: string) => Promise<CallReply>>;
}

async function repeating(script: Script, content: Partial<ContentBounds> = {}): Promise<Repeating> {
  const at = await openTestRoad({ budgets: [budget({ name: "b", limit: 10n ** 9n })], script });
  const bounds = { ...CONTENT, ...content };
  const road = openRoad(
    at.needs,
    openReplies(at.needs, () => bounds),
  );
  const send = (on: typeof road, key: string, body: object, over: Parameters<TestRoad["call"]>[1] = {}) =>
    on.run({
      dialect: openAiChat,
      query: "",
      body: Buffer.from(JSON.stringify(body)),
      key: KEY,
      signal: new AbortController().signal,
      ...over,
      headers: { ...over.headers, "idempotency-key": key },
    });
  return {
    ...at,
    road,
    keyed: (key, body = ASK, over = {}) => send(road, key, body, over),
    async restarted() {
      const replies: Replies = openReplies(at.needs, () => bounds);
      await replies.load();
      const next = openRoad(at.needs, replies);
      return (key) => send(next, key, ASK);
    },
  };
}

function codeOf(reply: CallReply): string {
  return reply.kind === "refused" ? reply.error.code : `${reply.kind} ${reply.status}`;
}

function bytesOf(reply: CallReply): string {
  if (reply.kind === "stream") throw new Error("it is a stream");
  return Buffer.from(reply.body).toString();
}

async function held(at: TestRoad): Promise<number> {
  let count = 0;
  for await (const entry of at.ledger.read(1)) if (entry.type === "call.held") count += 1;
  return count;
}

const ANSWER: Script = () => whole(200, completion(9, 2));

test("the same key and request give the stored reply byte for byte, with no second hold and no second bill", async () => {
  const at = await repeating(ANSWER);
  const first = await at.keyed("order-1");
  const again = await at.keyed("order-1");
  expect(bytesOf(again)).toBe(bytesOf(first));
  expect(statusOf(again, undefined)).toBe(200);
  expect(replyHeaders(again)).toMatchObject({ "x-bursar-idempotent-replay": "true", "x-bursar-call-id": "call0" });
  expect(replyHeaders(first)).not.toHaveProperty("x-bursar-idempotent-replay");
  expect(at.requests).toHaveLength(1);
  expect(await held(at)).toBe(1);
});

test("D5: the same key with another body is 422, and with another key's owner it is independent", async () => {
  const at = await repeating(ANSWER);
  await at.keyed("order-1");
  const other = await at.keyed("order-1", { ...ASK, max_tokens: 101 });
  expect(codeOf(other)).toBe("idempotency_mismatch");
  expect(statusOf(other, undefined)).toBe(422);
  expect(codeOf(await at.keyed("order-1", ASK, { key: { ...KEY, name: "other" } }))).toBe("whole 200");
  expect(at.requests).toHaveLength(2);
});

test("after a restart a call with a key waits until the log's last day was read, and a call without one does not", async () => {
  const at = await repeating(ANSWER);
  expect(codeOf(await at.keyed("order-1"))).toBe("whole 200");
  let readOn = (): void => undefined;
  const held = new Promise<void>((resolve) => (readOn = resolve));
  const slow = {
    ...at.ledger,
    async *read(from: number) {
      await held;
      yield* at.ledger.read(from);
    },
  };
  const needs = { ...at.needs, ledger: slow };
  const replies = openReplies(needs, () => CONTENT);
  const loaded = replies.load();
  const road = openRoad(needs, replies);
  const ask = (headers: Record<string, string>): Promise<CallReply> =>
    road.run({
      dialect: openAiChat,
      query: "",
      body: Buffer.from(JSON.stringify(ASK)),
      key: KEY,
      signal: new AbortController().signal,
      headers,
    });
  let answered = false;
  const repeated = ask({ "idempotency-key": "order-1" }).finally(() => (answered = true));
  expect(codeOf(await ask({}))).toBe("whole 200");
  expect(answered).toBe(false);
  readOn();
  await loaded;
  expect(codeOf(await repeated)).toBe("reply_expired");
  expect(at.requests).toHaveLength(2);
});

test("where the log's last day cannot be read, a call with a key is refused and nothing is sent", async () => {
  const at = await repeating(ANSWER);
  await at.keyed("order-1");
  const broken = {
    ...at.ledger,
    // biome-ignore lint/correctness/useYield: it fails before it has anything.
    async *read(): AsyncGenerator<never> {
      throw new Error("the disk is gone");
    },
  };
  const needs = { ...at.needs, ledger: broken };
  const replies = openReplies(needs, () => CONTENT);
  await expect(replies.load()).rejects.toThrow("the disk is gone");
  const road = openRoad(needs, replies);
  const reply = await road.run({
    dialect: openAiChat,
    query: "",
    body: Buffer.from(JSON.stringify(ASK)),
    key: KEY,
    signal: new AbortController().signal,
    headers: { "idempotency-key": "order-1" },
  });
  expect(codeOf(reply)).toBe("store_unavailable");
  expect(at.requests).toHaveLength(1);
});

const { model: _named, ...NAMELESS } = ASK;

const ELSEWHERE: readonly { what: string; over: Partial<CallRequest>; body?: object }[] = [
  { what: "another dialect", over: { dialect: anthropicMessagesDialect, target: { model: "gpt-4o" } } },
  { what: "another model in the path", over: { target: { model: "gpt-4o-mini" } }, body: NAMELESS },
  { what: "a stream asked for in the path", over: { target: { model: "gpt-4o", stream: true } } },
  { what: "another framing", over: { target: { model: "gpt-4o", framing: "json" } } },
  { what: "no model in the path", over: {} },
  { what: "another query", over: { target: { model: "gpt-4o" }, query: "beta=true" } },
];

test.each(ELSEWHERE)(
  "D5: the same key and the same bytes with $what are 422, and nothing is sent",
  async ({ over, body = ASK }) => {
    const at = await repeating(ANSWER);
    const first = { target: { model: "gpt-4o" } };
    expect(codeOf(await at.keyed("order-1", body, first))).toBe("whole 200");
    const second = await at.keyed("order-1", body, over);
    expect(codeOf(second)).toBe("idempotency_mismatch");
    expect(statusOf(second, undefined)).toBe(422);
    expect(at.requests).toHaveLength(1);
    expect(await held(at)).toBe(1);
    expect(codeOf(await at.keyed("order-1", body, first))).toBe("whole 200");
    expect(at.requests).toHaveLength(1);
  },
);

test.each([
  ["256 characters", "k".repeat(256)],
  ["nothing", ""],
  ["a space", "a b"],
  ["a control character", "a\u0007"],
  ["a letter beyond ASCII", "schlüssel"],
])("D5: a key of %s is 400 and nothing is sent", async (_what, key) => {
  const at = await repeating(ANSWER);
  expect(codeOf(await at.keyed(key))).toBe("invalid_request");
  expect(at.requests).toHaveLength(0);
});

test("a key of 255 characters is taken", async () => {
  const at = await repeating(ANSWER);
  expect(codeOf(await at.keyed("k".repeat(255)))).toBe("whole 200");
});

test("while the first call is in flight its repeat is 409 in_progress and worth a retry", async () => {
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (answer = resolve));
  const at = await repeating(async () => {
    await asked;
    return whole(200, completion(9, 2));
  });
  const first = at.keyed("order-1");
  const again = await at.keyed("order-1");
  expect(codeOf(again)).toBe("in_progress");
  expect(replyHeaders(again)).not.toHaveProperty("x-should-retry");
  answer();
  expect(codeOf(await first)).toBe("whole 200");
  expect(codeOf(await at.keyed("order-1"))).toBe("whole 200");
  expect(at.requests).toHaveLength(1);
});

test("a stream is kept as it was forwarded and given again as one body", async () => {
  const frames = [
    delta("Hel"),
    delta("lo"),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
    usageChunk(9, 2),
  ];
  const at = await repeating(() => events([...frames, "data: [DONE]\n\n"]));
  const first = await at.keyed("order-1", { ...ASK, stream: true });
  if (first.kind !== "stream") throw new Error("it is no stream");
  expect(codeOf(await at.keyed("order-1", { ...ASK, stream: true }))).toBe("in_progress");
  const text = await textOf(first.body);
  const again = await at.keyed("order-1", { ...ASK, stream: true });
  expect(again.kind).toBe("whole");
  expect(bytesOf(again)).toBe(text);
  expect(replyHeaders(again)["content-type"]).toBe("text/event-stream");
  expect(at.requests).toHaveLength(1);
});

test("a stream that its client left is paid and not kept", async () => {
  const at = await repeating(() => events([delta("Hel"), delta("lo"), usageChunk(9, 2), "data: [DONE]\n\n"]));
  const left = await at.keyed("order-1", { ...ASK, stream: true });
  if (left.kind !== "stream") throw new Error("it is no stream");
  await left.body[Symbol.asyncIterator]().return?.();
  await drained(at.road);
  expect(codeOf(await at.keyed("order-1", { ...ASK, stream: true }))).toBe("reply_expired");
  expect(at.requests).toHaveLength(1);
});

test("a reply that is no longer kept is 409 reply_expired, never a second call", async () => {
  for (const content of [{ keep: "off" as const }, { max_bytes: 10 }, { for_ms: 0 }]) {
    const at = await repeating(ANSWER, content);
    await at.keyed("order-1");
    const again = await at.keyed("order-1");
    expect(codeOf(again)).toBe("reply_expired");
    expect(replyHeaders(again)["x-should-retry"]).toBe("false");
    expect(at.requests).toHaveLength(1);
  }
});

test("what is kept never exceeds its bound: the oldest replies go first", async () => {
  const one = JSON.stringify(completion(9, 2)).length;
  const at = await repeating(ANSWER, { max_bytes: one * 2 + 1 });
  for (const key of ["a", "b", "c"]) await at.keyed(key);
  expect(codeOf(await at.keyed("a"))).toBe("reply_expired");
  expect(codeOf(await at.keyed("b"))).toBe("whole 200");
  expect(codeOf(await at.keyed("c"))).toBe("whole 200");
});

test("a refused call and one that the provider did not bill leave the key free", async () => {
  const at = await repeating((_request, _signal, number) =>
    number === 1 ? whole(400, { error: "no" }) : whole(200, completion(9, 2)),
  );
  expect(codeOf(await at.keyed("order-1", { ...ASK, max_tokens: 999_999_999_999 }))).not.toBe("whole 200");
  expect(codeOf(await at.keyed("order-1"))).toMatch(/^whole/);
  expect(codeOf(await at.keyed("order-1"))).toBe("whole 200");
});

test("D6: an outcome that nobody knows is 409 outcome_unknown, naming the call and how to settle it", async () => {
  const at = await repeating((_request, _signal, number) => {
    if (number === 1) throw new UpstreamFailure("reset", "The connection broke.");
    return whole(200, completion(9, 2));
  });
  expect(codeOf(await at.keyed("order-1"))).toBe("upstream_failed");
  const again = await at.keyed("order-1");
  expect(codeOf(again)).toBe("outcome_unknown");
  expect(again.kind === "refused" && again.error.message).toMatch(/call0\b.*bursar hold resolve call0\.1 --void/);
  expect(at.requests).toHaveLength(1);
  await at.ledger.apply([{ type: "void", attempt_id: "call0.1", proof: "resolved", actor: "ada", reason: "not on the bill" }]);
  expect(codeOf(await at.keyed("order-1"))).toBe("whole 200");
});

test("D6: after a crash a call that was in flight stays unknown, and one that was paid is not made again", async () => {
  const at = await repeating((_request, _signal, number) =>
    number === 1 ? whole(200, completion(9, 2)) : new Promise(() => undefined),
  );
  await at.keyed("paid");
  void at.keyed("in-flight");
  for (let turn = 0; at.requests.length < 2 && turn < 200; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  await at.ledger.apply([{ type: "presume", attempt_id: "call1.1", reason: "crash" }]);
  const repeat = await at.restarted();
  expect(codeOf(await repeat("paid"))).toBe("reply_expired");
  expect(codeOf(await repeat("in-flight"))).toBe("outcome_unknown");
  expect(at.requests).toHaveLength(2);
});

test("a failure that was billed is given again as it was, not paid for again", async () => {
  const at = await repeating(() => whole(500, {}));
  const first = await at.keyed("order-1");
  const again = await at.keyed("order-1");
  expect([codeOf(first), codeOf(again)]).toEqual(["upstream_failed", "upstream_failed"]);
  expect(bytesOf(again)).toBe(bytesOf(first));
  expect(at.requests).toHaveLength(1);
});

test("the log has hashes of key and request, neither of them in the clear", async () => {
  const at = await repeating(ANSWER);
  await at.keyed("order-of-ada");
  const entry = (await at.ledger.readCall("call0"))[0];
  expect(entry?.type === "call.held" && entry.idempotency).toEqual({
    key: expect.stringMatching(/^[0-9a-f]{64}$/),
    body: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(JSON.stringify(entry)).not.toContain("order-of-ada");
});

test("whatever the provider does and however often a key is repeated, at most one request of it may have been billed", async () => {
  const turns = fc.array(fc.constantFrom("answer", "unbilled", "failed", "reset", "connect"), { minLength: 1, maxLength: 8 });
  const load = fc.record({ turns, burst: fc.integer({ min: 1, max: 4 }), restarts: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(load, async ({ turns, burst, restarts }) => {
      let billable = 0;
      const at = await repeating((_request, _signal, number) => {
        const turn = turns[(number - 1) % turns.length];
        if (turn === "connect") throw new UpstreamFailure("connect", "Refused.");
        if (turn === "unbilled") return whole(400, {});
        billable += 1;
        if (turn === "reset") throw new UpstreamFailure("reset", "The connection broke.");
        return turn === "failed" ? whole(500, {}) : whole(200, completion(9, 2));
      });
      at.needs.limits = { ...at.needs.limits, retries_max: 0 };
      let repeat = (key: string): Promise<CallReply> => at.keyed(key);
      for (let turn = 0; turn < turns.length; turn++) {
        await Promise.all(Array.from({ length: burst }, () => repeat("order-1")));
        if (restarts) repeat = await at.restarted();
      }
      expect(billable).toBeLessThanOrEqual(1);
      expect([...at.ledger.state().holds.values()].filter(({ state }) => state === "pending")).toEqual([]);
    }),
    { numRuns: 40 },
  );
});
