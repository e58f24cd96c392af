import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DialectName } from "../../call/needs.js";
import { systemClock } from "../../surfaces/system-clock.js";
import { type Arrival, openEngine, type SimulatorEngine } from "./engine.js";
import { spokenAt } from "./path.js";
import { readSteering, SteeringError } from "./steering.js";

const never = new AbortController().signal;
const even = { name: "even", input: "1", output: "2" };
const open = (): SimulatorEngine => openEngine({ clock: systemClock(), latency: "none", models: [even] });
const contents = [{ role: "user", parts: [{ text: "Hello there" }] }];
const messages = [{ role: "user", content: "Hello there" }];
const BODIES: Readonly<Partial<Record<DialectName, object>>> = {
  "openai-chat": { model: "even", messages },
  "openai-responses": { model: "even", input: "Hello there" },
  "openai-completions": { model: "even", prompt: "Hello there", max_tokens: 500 },
  "openai-embeddings": { model: "even", input: "Hello there" },
  "anthropic-messages": { model: "even", messages, max_tokens: 500 },
  "anthropic-count-tokens": { model: "even", messages },
  "gemini-generate": { contents },
  "gemini-count-tokens": { contents },
  "gemini-embed": { content: contents[0] },
  "gemini-batch-embed": { requests: [{ content: contents[0] }, { content: contents[0] }] },
};
const NAMES = Object.keys(BODIES) as DialectName[];
const ANSWERING = NAMES.filter((name) => !/embed|count/.test(name));

function arrival(dialect: DialectName, sim: Record<string, string | number> = {}, more: object = {}): Arrival {
  const headers = Object.fromEntries(Object.entries(sim).map(([name, value]) => [`x-sim-${name}`, String(value)]));
  const stream = "stream" in more;
  const inPath = dialect.startsWith("gemini") ? { model: "even", stream } : {};
  const { stream: _, ...fields } = more as { stream?: boolean };
  const body = { ...BODIES[dialect], ...(stream && !dialect.startsWith("gemini") ? { stream } : {}), ...fields };
  return { dialect, ...inPath, headers, body: Buffer.from(JSON.stringify(body)) };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test("whatever a body says, it is answered or refused, in its API's shape", async () => {
  const keys = Object.values(BODIES).flatMap((body) => Object.keys(body));
  const more = [
    "tools",
    "tool_choice",
    "generationConfig",
    "toolConfig",
    "system",
    "reasoning",
    "text",
    "n",
    "best_of",
    "toString",
  ];
  const names = fc.constantFrom(...keys, ...more, "type", "parts", "functionDeclarations", "name", "max_uses", "$ref", "anyOf");
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom("even", "web_search_1", "function", "json_schema", "any", "#/a", 1, 0, -1, 1e21, true, null),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(names, tie("value"), { maxKeys: 4 }),
    ),
  }));
  const engine = open();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...NAMES), fc.dictionary(names, value, { maxKeys: 5 }), async (dialect, fields) => {
      const reply = await engine.answer(arrival(dialect, { "output-tokens": 5, searches: 1 }, { ...fields }), never);
      const text = await textOf(reply.body);
      expect([200, 400, 404]).toContain(reply.status);
      if (reply.status !== 200) expect(JSON.parse(text)).toHaveProperty("error.message");
    }),
    { numRuns: 1500 },
  );
});

test("names and types that are no text are nobody's", async () => {
  const odd = { toString: 1, valueOf: 1 };
  const tool = {
    type: odd,
    name: odd,
    function: { name: odd },
    functionDeclarations: [{ name: odd }],
    input_schema: { type: odd },
  };
  const image = { role: "user", parts: [{ inlineData: { mimeType: odd } }], content: [{ type: odd }] };
  for (const dialect of ANSWERING) {
    const more = { tools: [tool], contents: [image], messages: [image], tool_choice: "required", input: [image] };
    expect((await open().answer(arrival(dialect, {}, more), never)).status, dialect).toBe(200);
  }
});

describe.each(NAMES)("%s", (dialect) => {
  test("the same request gives the same bytes of another reply", async () => {
    const run = async (): Promise<string> => textOf((await open().answer(arrival(dialect), never)).body);
    const strip = (text: string): string => text.replace(/"created(_at)?":\d+/g, "");
    expect(strip(await run())).toBe(strip(await run()));
  });

  test.each([400, 401, 429, 500, 529])(
    "a refusal with %i is in its API's shape, and only the 500 has read the input",
    async (status) => {
      const engine = open();
      const reply = await engine.answer(arrival(dialect, { fault: status, "input-tokens": 10 }), never);
      expect(reply.status).toBe(status);
      const { error, type } = JSON.parse(await textOf(reply.body)) as { error: Record<string, unknown>; type?: string };
      if (dialect.startsWith("gemini")) expect(error).toMatchObject({ code: status, status: expect.stringMatching(/^[A-Z_]+$/) });
      else if (dialect.startsWith("anthropic")) expect([type, typeof error.type]).toEqual(["error", "string"]);
      else expect(error).toMatchObject({ type: expect.any(String), param: null });
      const counts = dialect.includes("count");
      expect(engine.bill().nano_usd).toBe(status === 500 && !counts ? 10_000n : 0n);
    },
  );
});

describe.each(ANSWERING)("%s", (dialect) => {
  const streamed = { stream: true };

  test("what was made before a reset is billed, and no more", async () => {
    const engine = open();
    const reply = await engine.answer(arrival(dialect, { fault: "reset-after=12", "input-tokens": 10 }, streamed), never);
    await expect(textOf(reply.body)).rejects.toMatchObject({ kind: "reset" });
    expect(engine.bill()).toMatchObject({ nano_usd: 10_000n + 24_000n, by_call: [{ output: 12, ended: "reset" }] });
  });

  test("a reader that stops is billed for what it was given", async () => {
    const engine = open();
    const { body } = await engine.answer(arrival(dialect, { "output-tokens": 400 }, streamed), never);
    let chunks = 0;
    for await (const _ of body) if (++chunks === 8) break;
    const [line] = engine.bill().by_call;
    expect(line?.ended).toBe("left");
    expect(line?.output).toBeLessThan(200);
  });

  test("a cap is kept unless the request says that it is not", async () => {
    const engine = open();
    const field = dialect === "gemini-generate" ? { generationConfig: { maxOutputTokens: 9 } } : {};
    const own = dialect === "openai-responses" ? { max_output_tokens: 9 } : { max_tokens: 9 };
    const capped = dialect === "gemini-generate" ? field : own;
    await textOf((await engine.answer(arrival(dialect, { "output-tokens": 50 }, capped), never)).body);
    await textOf((await engine.answer(arrival(dialect, { "output-tokens": 50, fault: "ignore-cap=4" }, capped), never)).body);
    expect(engine.bill().by_call.map(({ cap, output }) => [cap, output])).toEqual([
      [9, 9],
      [9, 13],
    ]);
  });
});

test("a response that goes on from another is billed for the whole conversation; one that is not known is refused", async () => {
  const engine = open();
  const ask = (more: object, sim = {}): ReturnType<SimulatorEngine["answer"]> =>
    engine.answer(arrival("openai-responses", { "output-tokens": 30, ...sim }, more), never);
  const first = JSON.parse(await textOf((await ask({}, { "input-tokens": 1000 })).body)) as { id: string };
  await textOf((await ask({ previous_response_id: first.id, store: false })).body);
  const [, second] = engine.bill().by_call;
  expect(second?.input).toBeGreaterThan(1030);
  expect(second?.input).toBeLessThan(1060);
  for (const id of [second?.id, "resp_unknown"]) {
    const refused = await ask({ previous_response_id: id });
    expect(refused.status).toBe(400);
    expect(await textOf(refused.body)).toContain("previous_response_not_found");
  }
});

test("searches need a tool that allows them, and keep its bound unless the request says that they do not", async () => {
  const engine = open();
  const searched = async (more: object, sim: object): Promise<number | undefined> => {
    await textOf((await engine.answer(arrival("anthropic-messages", { searches: 4, ...sim }, more), never)).body);
    return engine.bill().by_call.at(-1)?.searches;
  };
  const tools = [{ type: "web_search_20250305", name: "web_search", max_uses: 2 }];
  expect(await searched({}, {})).toBe(0);
  expect(await searched({ tools }, {})).toBe(2);
  expect(await searched({ tools }, { fault: "ignore-cap=0" })).toBe(4);
  expect(await searched({ tools: [{ type: "web_search_20250305", name: "web_search" }] }, {})).toBe(4);
});

test("the headers of tools, runs and costs are read whole or refused by name", () => {
  expect(readSteering({ "x-sim-tool-call": "find*2" }).tool_call).toEqual({ name: "find", times: 2 });
  expect(readSteering({ "x-sim-tool-call": "find" }).tool_call).toEqual({ name: "find", times: Number.POSITIVE_INFINITY });
  expect(readSteering({ "x-sim-iterations": "a=1/2, b=3/4" }).iterations).toEqual([
    { model: "a", input: 1, output: 2 },
    { model: "b", input: 3, output: 4 },
  ]);
  for (const bad of ["a", "a=1", "a=1/2,", "=1/2", "a=-1/2", "a=99999999/1"])
    expect(() => readSteering({ "x-sim-iterations": bad }), bad).toThrow(SteeringError);
  for (const bad of ["", "1,2", "1}", "NaN"]) expect(() => readSteering({ "x-sim-cost": bad }), bad).toThrow(SteeringError);
});

test("paths name their wire format, their model and how they stream", () => {
  expect(spokenAt("/v1/responses")).toEqual({ dialect: "openai-responses", path: {} });
  expect(spokenAt("/messages/count_tokens?beta=true")?.dialect).toBe("anthropic-count-tokens");
  expect(spokenAt("/openai/deployments/my%20gpt/embeddings?api-version=1")).toEqual({
    dialect: "openai-embeddings",
    path: { model: "my gpt" },
  });
  const generate = (url: string) => spokenAt(`/v1beta/models/m:${url}`)?.path;
  expect(generate("generateContent")).toEqual({ model: "m", stream: false, framing: "sse" });
  expect(generate("streamGenerateContent?alt=sse")).toEqual({ model: "m", stream: true, framing: "sse" });
  expect(generate("streamGenerateContent")).toEqual({ model: "m", stream: true, framing: "json" });
  for (const url of ["/", "/v1", "/v1/responses/r1", "/v1beta/models/m", "/v1beta/models/m:fly", "/openai/deployments/m/fly"])
    expect(spokenAt(url), url).toBeNull();
});
