import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { openTestDesk, type TestDesk } from "../../../test/desk-fixtures.js";
import { ceiling, hold } from "../../../test/ledger-fixtures.js";
import type { FeedItem } from "../../desk/command.js";
import { DESK_TABLE } from "../../desk/table.js";
import { eventStream } from "./event-stream.js";
import { openControl } from "./open-control.js";

async function serve(desk: TestDesk) {
  const faults: unknown[] = [];
  const control = openControl({
    table: DESK_TABLE,
    needs: desk.needs,
    auth: { adminToken: () => null, findKey: () => null },
    fault: (error) => faults.push(error),
  });
  const server = createServer(control.listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    faults,
    async close() {
      control.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Opens the event stream on a real socket and collects what comes. */
async function open(port: number, path: string, headers: Record<string, string> = {}) {
  const request = get({ host: "127.0.0.1", port, path, headers });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  response.on("error", () => {
    // The test itself breaks the connection.
  });
  const until = async (ready: (text: string) => boolean): Promise<string> => {
    while (!ready(text)) await new Promise((resolve) => setTimeout(resolve, 5));
    return text;
  };
  return {
    response,
    until,
    ids: () => [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])),
    leave: () => request.destroy(),
  };
}

test("events arrive over a socket as they are written, and Last-Event-ID resumes without gap or repeat", async () => {
  const desk = await openTestDesk();
  const server = await serve(desk);
  const first = await open(server.port, "/api/v1/events?after=0");
  expect(first.response.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
  await desk.ledger.apply([hold("one", ceiling(1, 0)), hold("two", ceiling(1, 0))]);
  const text = await first.until((so) => so.includes("id: 3"));
  expect(text).toContain('event: call.held\ndata: {"seq":2,');
  expect(first.ids()).toEqual([1, 2, 3]);
  first.leave();
  await desk.ledger.apply([hold("three", ceiling(1, 0)), hold("four", ceiling(1, 0))]);
  const second = await open(server.port, "/api/v1/events?type=call.held", { "last-event-id": "3" });
  await second.until((so) => so.includes("id: 5"));
  expect(second.ids()).toEqual([4, 5]);
  await server.close();
  expect(server.faults).toEqual([]);
  await desk.close();
});

test("a client that leaves takes its subscription with it", async () => {
  const desk = await openTestDesk();
  let listeners = 0;
  const { subscribe } = desk.ledger;
  const needs = {
    ...desk.needs,
    ledger: {
      ...desk.ledger,
      subscribe: (listener: Parameters<typeof subscribe>[0]) => {
        listeners += 1;
        const stop = subscribe(listener);
        return () => {
          listeners -= 1;
          stop();
        };
      },
    },
  };
  const server = await serve({ ...desk, needs });
  const client = await open(server.port, "/api/v1/events");
  await client.until((so) => so.includes(": connected"));
  expect(listeners).toBe(1);
  client.leave();
  for (let tries = 0; listeners > 0 && tries < 400; tries++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(listeners).toBe(0);
  await server.close();
  await desk.close();
});

test("a wrong Last-Event-ID is refused", async () => {
  const desk = await openTestDesk();
  const server = await serve(desk);
  const client = await open(server.port, "/api/v1/events", { "last-event-id": "1; drop" });
  expect(client.response.statusCode).toBe(400);
  await server.close();
  await desk.close();
});

test("a quiet stream carries comments, and a reader that takes nothing takes nothing out of the feed", async () => {
  let produced = 0;
  const stop = new AbortController();
  async function* feed(): AsyncGenerator<FeedItem> {
    for (; produced < 10_000; produced++) yield { kind: "entry", seq: produced, type: "call.held", json: "x".repeat(1000) };
  }
  const stream = eventStream({ feed: feed(), stop: () => stop.abort(), heartbeatMs: 5 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(produced).toBeLessThan(100);
  await stream.cancel();
  expect(stop.signal.aborted).toBe(true);

  const quiet = eventStream({
    feed: { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) },
    stop: () => undefined,
    heartbeatMs: 5,
  });
  const reader = quiet.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(": alive")) text += (await reader.read()).value ?? "";
  await reader.cancel();
});

test("a reader that is too slow is told so before the stream ends", async () => {
  async function* feed(): AsyncGenerator<FeedItem> {
    yield { kind: "lagging" };
  }
  const text = await new Response(eventStream({ feed: feed(), stop: () => undefined })).text();
  expect(text).toContain(": too slow to follow; connect again with Last-Event-ID");
});
