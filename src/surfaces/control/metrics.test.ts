import { expect, test } from "vitest";
import { openTestDesk } from "../../../test/desk-fixtures.js";
import { budget, caller, ceiling, hold, post } from "../../../test/ledger-fixtures.js";
import { LABELS_MAX, METRIC_FAMILIES, metricsText } from "./metrics.js";

test("spend, tokens, budgets, decisions and overhead are counted under their names", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([
    hold("one", ceiling(1000, 500)),
    post("one", { input: 900, output: 100 }),
    hold("two", ceiling(1000, 0)),
    hold("big", ceiling(0, 9_000_000)),
  ]);
  desk.needs.measures.observe({ kind: "posted", call_id: "one", overhead_ms: 3 });
  desk.needs.measures.observe({ kind: "fault", call_id: "two" });
  const text = metricsText(desk.needs);
  expect(METRIC_FAMILIES.filter((one) => !text.includes(`# TYPE ${one.name} ${one.type}\n${one.name}`))).toEqual([]);
  expect(text.match(/# TYPE (\S+)/g)).toHaveLength(METRIC_FAMILIES.length);
  for (const line of [
    'bursar_spend_usd_total{agent="a"} 0.0011',
    'bursar_tokens_total{class="input_fresh"} 900',
    'bursar_budget_limit{budget="day",group="",unit="usd"} 10.00',
    'bursar_budget_used{budget="day",group="",unit="usd"} 0.0011',
    'bursar_budget_held{budget="day",group="",unit="usd"} 0.001',
    'bursar_decisions_total{decision="admitted",reason=""} 2',
    'bursar_decisions_total{decision="refused",reason="budget_exceeded"} 1',
    'bursar_holds{state="pending"} 1',
    'bursar_overhead_seconds_bucket{le="0.002"} 0',
    'bursar_overhead_seconds_bucket{le="0.005"} 1',
    "bursar_overhead_seconds_count 1",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  await desk.close();
});

test("J18: however many agents there are, labels are bounded and the rest is summed as other", async () => {
  const desk = await openTestDesk({ budgets: [budget({ name: "agents", limit: 1_000_000_000n, per: ["agent"] })] });
  const agents = 3_000;
  const commands = Array.from({ length: agents }, (_, index) => [
    hold(`c${index}`, ceiling(index + 1, 0), { attribution: caller({ agent: `agent-${index}` }) }),
    post(`c${index}`, { input: index + 1, output: 0 }),
  ]).flat();
  await desk.ledger.apply(commands);
  const lines = metricsText(desk.needs).split("\n");
  const spend = lines.filter((line) => line.startsWith("bursar_spend_usd_total{"));
  expect(spend).toHaveLength(LABELS_MAX + 1);
  const nano = spend.reduce((sum, line) => sum + Math.round(Number(line.split(" ")[1]) * 1e9), 0);
  expect(nano).toBe(((agents * (agents + 1)) / 2) * 1000);
  expect(lines.filter((line) => line.startsWith("bursar_budget_used{"))).toHaveLength(LABELS_MAX + 1);
  expect(lines.filter((line) => line.startsWith("bursar_budget_limit{"))).toHaveLength(LABELS_MAX);
  await desk.close();
});

test("J7: a hostile name cannot write a line or a label of its own", async () => {
  const desk = await openTestDesk();
  const agent = 'x"} 1\nbursar_spend_usd_total{agent="forged\\';
  await desk.ledger.apply([hold("one", ceiling(1, 0), { attribution: caller({ agent }) }), post("one", { input: 1, output: 0 })]);
  const spend = metricsText(desk.needs)
    .split("\n")
    .filter((line) => line.startsWith("bursar_spend_usd_total"));
  expect(spend).toEqual(['bursar_spend_usd_total{agent="x\\"} 1\\nbursar_spend_usd_total{agent=\\"forged\\\\"} 0.000001']);
  await desk.close();
});
