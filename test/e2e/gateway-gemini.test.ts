// Google's official client, as its users make it, through the gateway to a server that answers as Gemini's API is
// documented: whole replies, both framings of a stream, tools, counts, embeddings, cuts and refusals.
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, GoogleGenAI } from "@google/genai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fixture } from "../replay-stream.js";
import { openRunningBursar, type RunningBursar } from "./running-bursar.js";

interface Asked {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let at: RunningBursar;
let google: Server;
let asked: Asked[] = [];
let answer: (response: ServerResponse, of: Asked) => unknown;

const OUT = { "content-type": "application/json; charset=UTF-8" };
const EVENTS = { "content-type": "text/event-stream" };

/** Answers every request with a fixture: whole, or in pieces of a few bytes. */
function answering(name: string): void {
  const bytes = fixture(`gemini/${name}`);
  answer = async (response) => {
    response.writeHead(200, name.endsWith(".sse") ? EVENTS : OUT);
    for (let from = 0; from < bytes.length; from += 97) {
      response.write(bytes.subarray(from, from + 97));
      if (!name.endsWith(".json") || name.includes("-array")) await sleep(1);
    }
    response.end();
  };
}

const chunk = (text: string, output: number): string =>
  JSON.stringify({
    candidates: [{ content: { parts: [{ text }], role: "model" }, index: 0 }],
    usageMetadata: { promptTokenCount: 12, candidatesTokenCount: output, totalTokenCount: 12 + output },
    modelVersion: "gemini-2.0-flash",
  });

/** Produces until nobody listens any more. */
function answeringForever(framing: "sse" | "json"): void {
  answer = async (response) => {
    response.writeHead(200, framing === "sse" ? EVENTS : OUT);
    for (let count = 1; !response.destroyed && count < 5_000; count++) {
      const data = chunk("coin after coin after coin after coin ", count * 8);
      response.write(framing === "sse" ? `data: ${data}\r\n\r\n` : `${count === 1 ? "[" : ",\r\n"}${data}`);
      await sleep(1);
    }
    response.end(framing === "sse" ? "" : "]");
  };
}

beforeEach(async () => {
  asked = [];
  google = createServer(async (request, response) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of request) pieces.push(piece);
    const of = { url: request.url ?? "", headers: request.headers, body: Buffer.concat(pieces).toString() };
    asked.push(of);
    await answer(response, of);
  });
  await new Promise<void>((resolve) => google.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(google.address() as AddressInfo).port}`;
  at = await openRunningBursar(
    `budgets:
  - { name: roomy, match: { agent: roomy }, limit: { usd: 100 } }
  - { name: tight, match: { agent: tight }, per: [task], limit: { tokens: 2500 } }
  - { name: spent, match: { agent: spent }, limit: { usd: 0.000000001 } }
limits: { drain_timeout: 1s }`,
    { providers: () => `gemini: { api_key: google-key, base_url: "${url}" }` },
  );
});
afterEach(async () => {
  await at.close();
  google.closeAllConnections();
  await new Promise((resolve) => google.close(resolve));
});

const client = (agent = "roomy"): GoogleGenAI =>
  new GoogleGenAI({
    apiKey: "platform-key",
    httpOptions: { baseUrl: at.url, headers: { "x-bursar-agent": agent, "x-bursar-task": "one" } },
  });
const MODEL = "gemini-2.0-flash";
const contents = "How many coins?";

async function posted() {
  await at.settled();
  return at.entries("call.posted");
}

/** A raw request, as curl makes it: without `alt=sse` a stream is one JSON array. */
async function raw(agent: string): Promise<unknown> {
  const reply = await fetch(`${at.url}/v1beta/models/${MODEL}:streamGenerateContent`, {
    method: "POST",
    headers: { "x-goog-api-key": "platform-key", "x-bursar-agent": agent, "x-bursar-task": "one" },
    body: JSON.stringify({ contents: [{ parts: [{ text: contents }] }] }),
  });
  expect(reply.headers.get("content-type")).toContain("application/json");
  return reply.json();
}

test("a whole answer: the path names the model, the key is the provider's, the cap is spliced, the bill is posted", async () => {
  answering("text.json");
  const reply = await client().models.generateContent({ model: MODEL, contents, config: { temperature: 0 } });
  expect(reply.text).toBe("Five coins.\n");
  expect(asked).toMatchObject([{ url: `/v1beta/models/${MODEL}:generateContent`, headers: { "x-goog-api-key": "google-key" } }]);
  expect(JSON.parse(asked[0]!.body)).toMatchObject({ generationConfig: { maxOutputTokens: 8192, temperature: 0 } });
  // $0.10 and $0.40 per million tokens: 8 in, 4 out.
  expect(await posted()).toMatchObject([{ nano: "2400", usage: { input_fresh: 8, output_text: 4 } }]);
});

test("a stream of thoughts and text comes as it was sent, and its usage is posted", async () => {
  answering("thinking.sse");
  const config = { thinkingConfig: { includeThoughts: true } };
  const [texts, thoughts]: [string[], string[]] = [[], []];
  let total = 0;
  for await (const part of await client().models.generateContentStream({ model: "gemini-2.5-flash", contents, config })) {
    for (const { text = "", thought } of part.candidates?.[0]?.content?.parts ?? []) (thought ? thoughts : texts).push(text);
    total = part.usageMetadata?.totalTokenCount ?? total;
  }
  expect([texts.join(""), thoughts.join("")]).toEqual(["Five.", "**Counting**\n\nThe purse holds five."]);
  expect(total).toBe(120);
  expect(asked[0]!.url).toBe("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
  expect(await posted()).toMatchObject([{ usage: { input_fresh: 21, output_text: 3, reasoning: 96 }, outcome: "end" }]);
});

test("function calls come whole, in streams too", async () => {
  answering("tools.sse");
  const config = { tools: [{ functionDeclarations: [{ name: "get_balance", parametersJsonSchema: { type: "object" } }] }] };
  const calls = [];
  for await (const part of await client().models.generateContentStream({ model: "gemini-2.5-flash", contents, config })) {
    calls.push(...(part.functionCalls ?? []));
  }
  expect(calls).toMatchObject([{ name: "get_balance", args: { account: 'purse "A"' } }]);
});

test("a blocked prompt is an answer with a reason, not an error", async () => {
  answering("blocked.sse");
  const reasons = [];
  for await (const part of await client().models.generateContentStream({ model: MODEL, contents })) {
    reasons.push(part.promptFeedback?.blockReason);
  }
  expect(reasons).toEqual(["PROHIBITED_CONTENT"]);
  expect(await posted()).toMatchObject([{ usage: { input_fresh: 31, output_text: 0 } }]);
});

test("a count of tokens passes and costs nothing, also where nothing is left", async () => {
  answering("count.json");
  expect((await client("spent").models.countTokens({ model: MODEL, contents })).totalTokens).toBe(31);
  expect((await posted()).map((entry) => entry.nano)).toEqual(["0"]);
});

test("embeddings pass; without usage they are counted at what was held", async () => {
  answering("embeddings.json");
  const reply = await client().models.embedContent({ model: "gemini-embedding-001", contents: ["coin", "purse"] });
  expect(reply.embeddings?.map(({ values }) => values?.length)).toEqual([2, 2]);
  const [entry] = await posted();
  expect(BigInt(entry!.nano)).toBeGreaterThan(0n);
});

test("C8: a stream that outgrows its budget ends with MAX_TOKENS, and a chat keeps what was said", async () => {
  answeringForever("sse");
  const chat = client("tight").chats.create({ model: MODEL });
  let reason: string | undefined;
  for await (const part of await chat.sendMessageStream({ message: contents })) {
    reason = part.candidates?.[0]?.finishReason ?? reason;
  }
  expect(reason).toBe("MAX_TOKENS");
  expect(chat.getHistory(true).length).toBeGreaterThan(1);
  const [entry] = await posted();
  expect(entry?.outcome).toBe("cut");
});

test("a stream without alt=sse is one array: whole, cut by a budget, or broken off with an error as its last element", async () => {
  answering("text-array.json");
  const chunks = (await raw("roomy")) as { bursar?: object }[];
  expect(chunks.map(({ bursar, ...rest }) => rest)).toEqual(JSON.parse(fixture("gemini/text-array.json").toString()));
  // The model that says it answered is gemini-2.5-flash: $0.30 and $2.50 per million tokens, 8 in, 13 out.
  expect(chunks.at(-1)?.bursar).toMatchObject({ cost_usd: "0.0000349" });
  answeringForever("json");
  const cut = (await raw("tight")) as object[];
  expect(cut.at(-1)).toMatchObject({ candidates: [{ finishReason: "MAX_TOKENS" }], bursar: { cut: expect.any(String) } });
  answer = (response) => {
    response.writeHead(200, OUT);
    response.write(`[${chunk("Five ", 1)}\n,`);
    setTimeout(() => response.destroy(), 50);
  };
  const broken = (await raw("roomy")) as object[];
  expect(broken).toMatchObject([{ candidates: [{}] }, { error: { code: 502, status: "UNAVAILABLE" } }]);
});

test("a refusal is one request, and its message reaches the caller: whole and streamed", async () => {
  const { models } = client("spent");
  for (const call of [models.generateContent.bind(models), models.generateContentStream.bind(models)]) {
    at.requests();
    const error = await Promise.resolve(call({ model: MODEL, contents })).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).status).toBe(402);
    expect((error as ApiError).message).toMatch(/Budget \\?"spent\\?".*FAILED_PRECONDITION.*BUDGET_EXCEEDED/s);
    expect(at.requests()).toBe(1);
  }
  expect(asked).toEqual([]);
});

test("what a hard budget cannot bound is refused by name, before Google hears of it", async () => {
  const { models } = client();
  const refused = async (config: object) =>
    String(await models.generateContent({ model: MODEL, contents, config }).catch(String));
  expect(await refused({ tools: [{ codeExecution: {} }] })).toContain("tools.codeExecution");
  expect(await refused({ responseModalities: ["AUDIO"] })).toContain("generationConfig.responseModalities");
  expect(await refused({ serviceTier: "priority" })).toContain("serviceTier");
  expect(asked).toEqual([]);
});
