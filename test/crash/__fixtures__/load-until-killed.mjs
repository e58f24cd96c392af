// Opens the directory given first and runs calls as the agent given second, 16 at once, until it is killed. Says, one a
// line: `ready MS` (of the processors, for opening), `held ID` once a hold is durable, `posted ID NANO` once a post is,
// `refused` for a refusal. The third is how many requests an agent has, 400 when it is not given.
import { openJournal } from "../../../dist/stores/journal.js";
import { openSqlite } from "../../../dist/stores/sqlite/open-sqlite.js";

const [directory, agent, requests = "400"] = process.argv.slice(2);
const clock = { now: () => Date.now(), monotonic: () => performance.now(), sleep: () => Promise.resolve() };
const say = (line) => process.stdout.write(`${line}\n`);
const started = process.cpuUsage();
const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
const fixed = { match: {}, count: "total", window: { kind: "lifetime" }, timezone: "UTC", week_start: "monday", mode: "hard" };
const rest = { ceiling: "measured", clamp: false, on_unknown_price: "deny", accounts_max: 10_000 };
const budgets = [
  { name: "org", unit: "usd", limit: 10n ** 15n, per: [], ...fixed, ...rest },
  { name: "agent", unit: "requests", limit: BigInt(requests), per: ["agent"], ...fixed, ...rest },
];
await ledger.apply([{ type: "declare", budgets, actor: "test", reason: "test" }]);
const { user, system } = process.cpuUsage(started);
say(`ready ${Math.round((user + system) / 1_000)}`);

let next = 0;
async function loop() {
  for (;;) {
    const id = `${agent}-${next++}`;
    const ids = { call_id: id, attempt_id: `${id}.1` };
    const most = { nano: 40_000n, input_tokens: 20, output_tokens: 10 };
    const attribution = { key: "k", agent, model: "openai/gpt-4o" };
    const hold = { type: "hold", ...ids, attribution, provider: "openai", price_id: "row", ceiling: most, estimated_input: 20 };
    const [held] = await ledger.apply([hold]);
    if (!held.ok) {
      say("refused");
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    say(`held ${id}`);
    const nano = BigInt(20_000 + (next % 20_000));
    const usage = { counts: { input_fresh: 20, output_text: 5, requests: 1 }, evidence: "provider" };
    await ledger.apply([{ type: "post", attempt_id: `${id}.1`, usage, nano, outcome: "end" }]);
    say(`posted ${id} ${nano}`);
  }
}
await Promise.all(Array.from({ length: 16 }, loop));
