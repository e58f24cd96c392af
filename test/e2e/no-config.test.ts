import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { openServer, type RunningServer } from "../../src/surfaces/assemble.js";

let server: RunningServer;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "bursar-no-config-"));
  const config = loadConfig({ env: {}, cwd: directory, flags: { port: 0, data: join(directory, "data") } });
  server = await openServer({ config, simulator: { latency: "none" } });
});

afterAll(async () => {
  await server.close(0);
  await rm(directory, { recursive: true, force: true });
});

/** Status of a call as a browser or a program would send it. */
function call(path: string, headers: Record<string, string>, method = "POST"): Promise<number> {
  const body = JSON.stringify({ model: "gpt-4o-mini", max_tokens: 5, messages: [{ role: "user", content: "hi" }] });
  return new Promise((resolve, reject) => {
    const asked = request(
      `${server.url}${path}`,
      { method, headers: { "content-type": "application/json", ...headers } },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode ?? 0));
      },
    );
    asked.on("error", reject);
    // As bytes: node writes headers in the encoding of a text that goes with them.
    asked.end(method === "POST" ? Buffer.from(body) : undefined);
  });
}

test("without a file any key of this machine is let in, and no key is not", async () => {
  expect(await call("/v1/chat/completions", { authorization: "Bearer any" })).toBe(200);
  expect(await call("/v1/chat/completions", {})).toBe(401);
});

test("a page of another site cannot spend by the browser of somebody here (DNS rebinding, cross-site requests)", async () => {
  const key = { authorization: "Bearer any" };
  const before = server.core.ledger.state().seq;
  const strangers: readonly Record<string, string>[] = [
    { host: "evil.example" },
    { origin: "http://evil.example" },
    { "sec-fetch-site": "cross-site" },
    { "x-forwarded-for": "10.0.0.9" },
  ];
  for (const strange of strangers) {
    expect(await call("/v1/chat/completions", { ...key, ...strange })).toBe(403);
    expect(await call("/api/v1/me", { ...key, ...strange }, "GET")).toBe(403);
  }
  expect(server.core.ledger.state().seq).toBe(before);
  expect(await call("/api/v1/me", key, "GET")).toBe(200);
});

test("a name in UTF-8 is the same agent in a header and in the path", async () => {
  const utf8 = Buffer.from("bücher", "utf8").toString("latin1");
  expect(await call("/v1/chat/completions", { authorization: "Bearer any", "x-bursar-agent": utf8 })).toBe(200);
  expect(await call(`/agents/${encodeURIComponent("bücher")}/v1/chat/completions`, { authorization: "Bearer any" })).toBe(200);
  expect([...server.core.ledger.state().agents.keys()]).toEqual(["unattributed", "bücher"]);
});
