// Stopping a server: calls in flight are finished, connections that carry none do not hold it up.
import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { openRunningBursar, sim } from "./running-bursar.js";

const chat = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "Hello" }] };

test("a connection on which nobody ever asked anything does not keep a stopping server waiting", async () => {
  const at = await openRunningBursar("budgets: []");
  const socket = connect(at.server.port, "127.0.0.1");
  await once(socket, "connect");
  const closed = once(socket, "close");
  const began = Date.now();
  await at.server.close(5_000);
  expect(Date.now() - began).toBeLessThan(2_000);
  await closed;
  await at.close();
});

test("a stream in flight is finished and settled before the server is gone, and no new call is taken", async () => {
  const at = await openRunningBursar("budgets:\n  - { name: day, limit: { usd: 1 }, window: day }");
  const slow = sim({ "output-tokens": 100, "tokens-per-second": 200 });
  const stream = await at.openai().chat.completions.create({ ...chat, stream: true }, slow);
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  const stopped = at.server.close(5_000);
  let finish: string | null = null;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    finish = next.value.choices[0]?.finish_reason ?? finish;
  }
  expect(finish).toBe("stop");
  await stopped;
  await expect(fetch(at.url)).rejects.toThrow();
  await at.close();
});
