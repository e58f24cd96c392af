// Case J19: clients that send headers or bodies byte by byte are ended in time and hold up nobody. In small; how late other
// calls become meanwhile is measured by bench/slow-clients.ts.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { openCore } from "../../src/surfaces/assemble.js";
import { openGateway } from "../../src/surfaces/gateway/server.js";

const PATH = "/v1/chat/completions";
const BODY = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello" }], max_tokens: 20 });
const HEADERS = { authorization: "Bearer one-key", "content-type": "application/json" };
const TIMEOUTS = { headers_ms: 600, body_ms: 1_500, check_ms: 100 };

interface Slow {
  readonly socket: Socket;
  text: string;
  endedAfter: number | null;
}

function openSlow(port: number, first: string): Slow {
  const socket = connect(port, "127.0.0.1");
  const slow: Slow = { socket, text: "", endedAfter: null };
  const began = performance.now();
  socket.setEncoding("latin1").on("data", (text: string) => {
    slow.text += text;
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    slow.endedAfter = performance.now() - began;
  });
  socket.write(first);
  return slow;
}

test("J19: 400 slow headers, 100 slow bodies and 100 idle connections end with 408 in time, calls are answered meanwhile, and nothing is held", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bursar-slow-"));
  const path = join(directory, "bursar.yaml");
  writeFileSync(
    path,
    `version: 1
providers: { sim: { kind: simulated } }
keys: [{ name: one, token: one-key }]
budgets: [{ name: all, limit: { usd: 10 } }]
`,
  );
  const config = loadConfig({ flags: { config: path, data: join(directory, "data") }, env: {}, cwd: directory });
  const core = await openCore({ config, simulator: { latency: "none" } });
  const faults: unknown[] = [];
  const gateway = await openGateway({
    host: "127.0.0.1",
    port: 0,
    bodyBytesMax: 1_048_576,
    road: core.road,
    dialects: core.dialects,
    identify: (token) => core.providing().identify(token),
    anyKey: () => false,
    models: () => core.providing().models(),
    control: (_, response) => void response.end(),
    newId: () => "none",
    fault: (error) => faults.push(error),
    timeouts: TIMEOUTS,
  });
  const start = `POST ${PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer one-key\r\n`;
  const headers = Array.from({ length: 400 }, () => openSlow(gateway.port, start));
  const bodies = Array.from({ length: 100 }, () => openSlow(gateway.port, `${start}content-length: ${BODY.length}\r\n\r\n`));
  const idle = Array.from({ length: 100 }, () => openSlow(gateway.port, ""));
  const slow = [...headers, ...bodies];
  let sent = 0;
  const drip = setInterval(() => {
    for (const { socket } of headers) if (socket.writable) socket.write("x");
    for (const { socket } of bodies) if (socket.writable) socket.write(BODY[sent] ?? "");
    sent += 1;
  }, 100);
  let answered = 0;
  while (slow.some(({ endedAfter }) => endedAfter === null)) {
    const reply = await fetch(`${gateway.url}${PATH}`, { method: "POST", headers: HEADERS, body: BODY });
    expect([reply.status, (await reply.text()).includes("usage")]).toEqual([200, true]);
    answered += 1;
  }
  clearInterval(drip);
  for (const each of slow) expect(each.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*\r\n\r\n$/);
  // Neither before its time, nor much later; bodies may take longer than headers.
  expect(Math.min(...headers.map(({ endedAfter }) => endedAfter ?? 0))).toBeGreaterThan(TIMEOUTS.headers_ms * 0.9);
  expect(Math.min(...bodies.map(({ endedAfter }) => endedAfter ?? 0))).toBeGreaterThan(TIMEOUTS.body_ms * 0.9);
  // Who never began a request is ended like who never finished its headers.
  for (const each of idle) expect(each.text).toMatch(/^(HTTP\/1\.1 408 Request Timeout\r\n|$)/);
  expect([answered > 0, faults]).toEqual([true, []]);
  const held = new Set<string>();
  for await (const entry of core.ledger.read(1)) if (entry.type === "call.held") held.add(entry.call_id);
  expect(held.size).toBe(answered);
  const gone = idle.map(({ socket }) => (socket.destroyed ? null : once(socket, "close")));
  await gateway.close(2_000);
  await Promise.all(gone);
  await core.close();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);
