// Opens the directory given first, holds as many calls as the second says, and then posts them all at once, one command
// each, so that they wait in one queue. Says, one a line: `queued` when all of them wait, `posted ID` when one is durable.
import { openJournal } from "../../../dist/stores/journal.js";
import { openSqlite } from "../../../dist/stores/sqlite/open-sqlite.js";

const [directory, count] = process.argv.slice(2);
const clock = { now: () => Date.now(), monotonic: () => performance.now(), sleep: () => Promise.resolve() };
const say = (line) => process.stdout.write(`${line}\n`);
const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
const fixed = { match: {}, per: [], count: "total", window: { kind: "lifetime" }, timezone: "UTC", week_start: "monday" };
const rest = { mode: "hard", ceiling: "measured", clamp: false, on_unknown_price: "deny", accounts_max: 10_000 };
const budgets = [{ name: "b", unit: "usd", limit: 10n ** 15n, ...fixed, ...rest }];
await ledger.apply([{ type: "declare", budgets, actor: "test", reason: "test" }]);
const ids = Array.from({ length: Number(count) }, (_, n) => `c${n}`);
await ledger.apply(
  ids.map((id) => ({
    type: "hold",
    call_id: id,
    attempt_id: `${id}.1`,
    attribution: { key: "k", agent: "a", team: "t", model: "openai/gpt-4o" },
    provider: "openai",
    price_id: "row",
    ceiling: { nano: 40_000n, input_tokens: 20, output_tokens: 10 },
    estimated_input: 20,
  })),
);
const usage = { counts: { input_fresh: 10, output_text: 5, requests: 1 }, evidence: "provider" };
const posts = ids.map(async (id) => {
  await ledger.apply([{ type: "post", attempt_id: `${id}.1`, usage, nano: 20_000n, outcome: "end" }]);
  say(`posted ${id}`);
});
say("queued");
await Promise.all(posts);
// Until it is killed.
setInterval(() => undefined, 1_000);
