// Cases J5, J6, J7, J9 and J19 of the adversarial list against a real gateway, on the bare socket where no client library
// would send what is sent.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar, standingChecks } from "../e2e/running-bursar.js";

const MODEL = "gpt-4o-mini";
const CHAT = JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "Hello" }] });
const PATH = "/v1/chat/completions";
const AUTH = "authorization: Bearer platform-key";
const SECRET = "sk-the-provider-s-own-secret";

let at: RunningBursar;

beforeAll(async () => {
  at = await openRunningBursar(`budgets:
  - { name: day, limit: { usd: 50 }, window: day }
limits: { body_bytes_max: 12MiB }`);
});
afterAll(async () => {
  await standingChecks(at);
  await at.close();
});

function open(port = at.server.port): Socket {
  // What the gateway closes while it is still written to is what is tested.
  return connect(port, "127.0.0.1").on("error", () => undefined);
}

/** Sends bytes as they are; answers what came back until the end, or for `ms` at most. */
async function raw(bytes: string | Buffer, ms = 2_000): Promise<string> {
  const socket = open();
  let said = "";
  socket.setEncoding("latin1").on("data", (text: string) => (said += text));
  socket.write(bytes);
  await Promise.race([once(socket, "close"), new Promise((resolve) => setTimeout(resolve, ms).unref())]);
  socket.destroy();
  return said;
}

const statuses = (said: string): number[] => [...said.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));

function ask(lines: readonly string[], body = CHAT): string {
  const length = `content-length: ${Buffer.byteLength(body)}`;
  return [`POST ${PATH} HTTP/1.1`, "host: 127.0.0.1", "content-type: application/json", AUTH, ...lines, length, "", body].join(
    "\r\n",
  );
}

async function post(body: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(`${at.url}${PATH}`, {
    method: "POST",
    headers: { authorization: "Bearer platform-key", "content-type": "application/json", ...headers },
    body,
  });
  return { status: response.status, text: await response.text() };
}

const smuggled = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n";
const head = (lines: readonly string[]): string =>
  [`POST ${PATH} HTTP/1.1`, "host: 127.0.0.1", "content-type: application/json", AUTH, ...lines, "", ""].join("\r\n");

test.each([
  ["content-length and transfer-encoding", `${head(["content-length: 6", "transfer-encoding: chunked"])}0\r\n\r\n${smuggled}`],
  ["transfer-encoding and content-length", `${head(["transfer-encoding: chunked", "content-length: 4"])}5c\r\n${smuggled}`],
  ["an unknown transfer-encoding", head(["transfer-encoding: xchunked"]) + CHAT],
  ["a transfer-encoding after chunked", `${head(["transfer-encoding: chunked, identity"])}0\r\n\r\n`],
  ["two different content-lengths", head([`content-length: ${CHAT.length}`, "content-length: 5"]) + CHAT],
  ["a content-length with a sign", head([`content-length: +${CHAT.length}`]) + CHAT],
  ["line ends of LF alone", `POST ${PATH} HTTP/1.1\nhost: 127.0.0.1\n${AUTH}\ncontent-length: ${CHAT.length}\n\n${CHAT}`],
  ["a NUL in a header", ask(["x-bursar-agent: a\0b"])],
  ["a space before the colon", ask(["x-bursar-agent : a"])],
  ["a bad chunk size", `${head(["transfer-encoding: chunked"])}zz\r\n${CHAT}\r\n0\r\n\r\n`],
])("J6: %s is 400 at once, closes the connection and reaches no provider", async (_what, bytes) => {
  const before = (await at.bill()).calls;
  const said = await raw(bytes);
  expect(statuses(said)).toEqual([400]);
  expect((await at.bill()).calls).toBe(before);
});

test("J6: a folded header is refused, or is one value that breaks out of nothing", async () => {
  const said = await raw(`${ask(["x-bursar-agent: a\r\n x-bursar-task: smuggled"])}`);
  const last = (await at.entries("call.held")).at(-1)?.attribution;
  expect(statuses(said)[0]).toSatisfy((status: number) => status === 400 || (status === 200 && last?.task === undefined));
});

test("J6, J5: a provider is sent headers of the list alone, its own credential, and never the client's", async () => {
  const seen: IncomingHttpHeaders[] = [];
  const provider = createServer((request, response) => {
    seen.push(request.headers);
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "application/json", "x-echo": String(request.headers.authorization) });
      const choices = [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }];
      const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 };
      response.end(JSON.stringify({ id: "1", object: "chat.completion", created: 1, model: MODEL, choices, usage }));
    });
  }).listen(0, "127.0.0.1");
  await once(provider, "listening");
  const base = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`;
  const own = await openRunningBursar("budgets: [{ name: day, limit: { usd: 50 }, window: day }]", {
    providers: () => `openai: { kind: openai, base_url: "${base}", api_key: ${SECRET} }`,
  });
  const headers = {
    authorization: "Bearer platform-key",
    "content-type": "application/json",
    "x-api-key": "sk-client",
    "x-goog-api-key": "sk-client",
    cookie: "session=client",
    "proxy-authorization": "Basic Y2xpZW50",
    "x-forwarded-for": "10.0.0.1",
    "x-litellm-api-base": "http://127.0.0.1:1",
    forwarded: "for=10.0.0.1",
  };
  const answer = await fetch(`${own.url}${PATH}`, { method: "POST", headers, body: CHAT });
  const text = await answer.text();
  expect(answer.status).toBe(200);
  expect(seen).toHaveLength(1);
  expect(seen[0]?.authorization).toBe(`Bearer ${SECRET}`);
  expect(Object.keys(seen[0] ?? {}).sort()).toEqual(
    ["accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host"].sort(),
  );
  expect(JSON.stringify(seen)).not.toMatch(/client|platform-key|10\.0\.0\.1/i);
  expect(text + JSON.stringify([...answer.headers])).not.toContain(SECRET);
  for (const field of [
    "extra_headers",
    "extra_body",
    "extra_query",
    "api_base",
    "base_url",
    "api_key",
    "litellm_embedding_config",
  ]) {
    const nested = { ...JSON.parse(CHAT), [field]: { api_base: "http://127.0.0.1:1", extra_headers: { a: "b" } } };
    const refused = await fetch(`${own.url}${PATH}`, { method: "POST", headers, body: JSON.stringify(nested) });
    const said = await refused.text();
    expect([field, refused.status, said.includes(`\\"${field}\\"`), said.includes(SECRET)]).toEqual([field, 400, true, false]);
  }
  expect(seen).toHaveLength(1);
  for await (const entry of own.server.core.ledger.read(1)) expect(JSON.stringify(entry)).not.toContain(SECRET);
  expect(own.told.join("\n")).not.toContain(SECRET);
  await own.close();
  provider.close();
});

test("J6: headers that Connection names, and credentials, buy nothing", async () => {
  const said = await raw(ask(["connection: authorization, close"]));
  expect(statuses(said)).toEqual([200]);
  const without = ask(["connection: authorization, close"]).replace(`${AUTH}\r\n`, "");
  expect(statuses(await raw(without))).toEqual([401]);
});

test.each(["a%0d%0aset-cookie:%20x=1", "a%0ab", "a%00b", "a%1b[31m", "a%c2%85b", "a%e2%80%a8b"])(
  "J7: the agent's name %s is refused, and neither header nor line comes of it",
  async (name) => {
    const response = await fetch(`${at.url}/agents/${name}${PATH}`, {
      method: "POST",
      headers: { authorization: "Bearer platform-key", "content-type": "application/json" },
      body: CHAT,
    });
    expect([400, 404]).toContain(response.status);
    expect(response.headers.get("set-cookie")).toBeNull();
    await response.text();
    const agents = [...at.server.core.ledger.state().agents.keys()];
    expect(agents.filter((agent) => /[\p{Cc}\u2028\u2029]/u.test(agent))).toEqual([]);
  },
);

test.each([
  ["nested 100,000 deep", () => `{"model":"${MODEL}","messages":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, 400],
  ["of a million keys", () => `{${Array.from({ length: 1_000_000 }, (_, n) => `"${n}":0`).join(",")}}`, 400],
  ["of 13 MB where 12 are the limit", () => `{"model":"${"x".repeat(13 * 1_048_576)}"}`, 413],
])("J9: a body %s is refused in bounded memory", async (_what, body, status) => {
  const text = body();
  const before = process.memoryUsage().rss;
  expect((await post(text)).status).toBe(status);
  expect(process.memoryUsage().rss - before).toBeLessThan(512 * 2 ** 20);
});

test("J9: 200 MB that are announced are refused before a byte of them is read, and so are those that are not announced", async () => {
  const announced = await raw(head([`content-length: ${200 * 1_048_576}`]));
  expect(statuses(announced)).toEqual([413]);
  const socket = open();
  let said = "";
  socket.setEncoding("latin1").on("data", (text: string) => (said += text));
  let open_ = true;
  let wake: () => void = () => undefined;
  socket
    .on("drain", () => wake())
    .on("close", () => {
      open_ = false;
      wake();
    });
  socket.write(head(["transfer-encoding: chunked"]));
  const piece = `100000\r\n${"x".repeat(1_048_576)}\r\n`;
  let sent = 0;
  for (; sent < 200 && open_ && said === ""; sent++) {
    if (!socket.write(piece))
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), new Promise((resolve) => setTimeout(resolve, 500))]);
  }
  await expect.poll(() => statuses(said), { timeout: 3_000 }).toEqual([413]);
  expect(sent).toBeLessThan(60);
  socket.destroy();
});

test.each([
  ["10,000 headers", Array.from({ length: 10_000 }, (_, n) => `x-h${n}: 1`)],
  ["a header of 1 MB", [`x-long: ${"x".repeat(1_048_576)}`]],
])("J9: %s are 431", async (_what, lines) => {
  expect(statuses(await raw(ask(lines)))).toEqual([431]);
});

test("J19, J9: slow headers and idle connections hold up no call, and are ended by their time-outs with 408", async () => {
  const SLOW = 300;
  const began = Date.now();
  const slow = Array.from({ length: SLOW }, () => open());
  const idle = Array.from({ length: 50 }, () => open());
  const said = slow.map((socket) => {
    const one = { text: "" };
    socket.setEncoding("latin1").on("data", (text: string) => (one.text += text));
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\n`);
    return one;
  });
  const body = open();
  body.write(`${head(["content-length: 1000"])}{`);
  let closed = 0;
  for (const socket of slow) socket.on("close", () => (closed += 1));
  const drip = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write("x-slow: 1\r\n");
  }, 500);
  while (closed < SLOW && Date.now() - began < 30_000) {
    expect((await post(CHAT)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  clearInterval(drip);
  expect(closed).toBe(SLOW);
  expect(new Set(said.map((one) => statuses(one.text).join()))).toEqual(new Set(["408"]));
  for (const socket of [...idle, body]) socket.destroy();
}, 60_000);
