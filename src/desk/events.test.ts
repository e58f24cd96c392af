import { expect, test } from "vitest";
import { admin, openTestDesk, type TestDesk } from "../../test/desk-fixtures.js";
import { caller, ceiling, hold, post } from "../../test/ledger-fixtures.js";
import { type FeedItem, openFeed } from "./command.js";
import { events, WAITING_MAX } from "./events.js";

function listen(desk: TestDesk, options: { input?: unknown; after?: number | null } = {}) {
  const leaving = new AbortController();
  const feed = openFeed(events, desk.needs, {
    input: options.input ?? {},
    actor: admin,
    after: options.after ?? null,
    signal: leaving.signal,
  });
  const iterator = feed[Symbol.asyncIterator]();
  return {
    leave: () => leaving.abort(),
    iterator,
    async take(count: number): Promise<FeedItem[]> {
      const taken: FeedItem[] = [];
      while (taken.length < count) {
        const next = await iterator.next();
        if (next.done === true) break;
        taken.push(next.value);
      }
      return taken;
    },
  };
}

const seqs = (items: FeedItem[]) => items.map((item) => (item.kind === "entry" ? item.seq : item.kind));

test("a listener that comes back gets every entry once and in order, also those written while it catches up", async () => {
  const desk = await openTestDesk();
  for (let number = 0; number < 20; number++) await desk.ledger.apply([hold(`a${number}`, ceiling(1, 0))]);
  const listener = listen(desk, { after: 5 });
  const first = await listener.take(3);
  for (let number = 0; number < 10; number++) await desk.ledger.apply([hold(`b${number}`, ceiling(1, 0))]);
  const rest = await listener.take(23);
  expect(seqs([...first, ...rest])).toEqual(Array.from({ length: 26 }, (_, index) => index + 6));
  const next = listener.take(1);
  await desk.ledger.apply([hold("c", ceiling(1, 0))]);
  expect(seqs(await next)).toEqual([32]);
  listener.leave();
  expect(await listener.iterator.next()).toMatchObject({ done: true });
  await desk.close();
});

test("without a place to resume from, a listener hears what comes from now on", async () => {
  const desk = await openTestDesk();
  const listener = listen(desk);
  const next = listener.take(1);
  await desk.ledger.apply([hold("now", ceiling(1, 0))]);
  const [item] = await next;
  expect(item).toMatchObject({ kind: "entry", type: "call.held" });
  expect(JSON.parse(item?.kind === "entry" ? item.json : "")).toMatchObject({ call_id: "now", ceiling: { nano: "1000" } });
  listener.leave();
  await desk.close();
});

test("filters by type and by agent hold for entries that do not name the agent themselves", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([
    hold("mine", ceiling(1, 0), { attribution: caller({ agent: "mine" }) }),
    hold("other", ceiling(1, 0)),
    { type: "void", attempt_id: "other.1", proof: "not_sent" },
    { type: "void", attempt_id: "mine.1", proof: "not_sent" },
  ]);
  const types = async (input: unknown, count: number) => {
    const listener = listen(desk, { input, after: 0 });
    const items = await listener.take(count);
    listener.leave();
    return items.map((item) => (item.kind === "entry" ? item.type : ""));
  };
  expect(await types({ agent: "mine" }, 2)).toEqual(["call.held", "call.voided"]);
  expect(await types({ type: ["call.voided"] }, 2)).toEqual(["call.voided", "call.voided"]);
  await expect(types({ type: ["call.unheard"] }, 1)).rejects.toMatchObject({ code: "invalid_request" });
  await desk.close();
});

test("a listener that does not keep up is told and left, and can resume without a gap", async () => {
  const desk = await openTestDesk();
  const listener = listen(desk);
  const begun = listener.take(1);
  await desk.ledger.apply([hold("first", ceiling(1, 0))]);
  const [first] = await begun;
  const many = Array.from({ length: WAITING_MAX + 1 }, (_, index) => hold(`m${index}`, ceiling(1, 0)));
  await desk.ledger.apply(many);
  const told = await listener.take(2);
  expect(told).toEqual([{ kind: "lagging" }]);
  const again = listen(desk, { after: first?.kind === "entry" ? first.seq : 0 });
  expect(seqs(await again.take(WAITING_MAX + 1))).toEqual(Array.from({ length: WAITING_MAX + 1 }, (_, index) => index + 3));
  again.leave();
  await desk.close();
});

test("a listener still catching up is not left for a burst", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([hold("old", ceiling(1, 0))]);
  const listener = listen(desk, { after: 0 });
  const first = await listener.take(1);
  const burst = Array.from({ length: WAITING_MAX + 5 }, (_, index) => hold(`m${index}`, ceiling(1, 0)));
  await desk.ledger.apply(burst);
  await desk.ledger.apply([post("old", { input: 1, output: 0 })]);
  const rest = await listener.take(WAITING_MAX + 7);
  expect(seqs([...first, ...rest])).toEqual(Array.from({ length: WAITING_MAX + 8 }, (_, index) => index + 1));
  listener.leave();
  await desk.close();
});
