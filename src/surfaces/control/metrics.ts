/** `/metrics` in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/, read 2026-11-24). Watching path: fails open. */
import { USAGE_CLASSES } from "../../accounting/meter/usage.js";
import { usdText } from "../../accounting/units/money.js";
import { amountJson } from "../../desk/amount.js";
import { OVERHEAD_BOUNDS } from "../../desk/measures.js";
import type { DeskNeeds } from "../../desk/needs.js";
import { openAccounts } from "../../desk/open-accounts.js";

/** Label values told apart per metric; everything further is summed as `other`. */
export const LABELS_MAX = 100;
const OTHER = "other";
const LABEL_LENGTH_MAX = 128;

type Labels = Readonly<Record<string, string>>;

/** Hostile names are label values like any other: escaped, cut, and nothing else. */
function labelText(value: string): string {
  return value.slice(0, LABEL_LENGTH_MAX).toWellFormed().replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

function sample(name: string, labels: Labels, value: string | number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${labelText(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
}

function family(name: string, of: { type: "counter" | "gauge" | "histogram"; help: string; samples: readonly string[] }): string {
  return [`# HELP ${name} ${of.help}`, `# TYPE ${name} ${of.type}`, ...of.samples].join("\n");
}

function spendFamily(needs: DeskNeeds): string {
  const agents = [...needs.ledger.state().agents].map(([agent, totals]) => ({ agent, nano: totals.nano }));
  agents.sort((one, other) => (one.nano < other.nano ? 1 : one.nano > other.nano ? -1 : 0));
  const top = agents.slice(0, LABELS_MAX).filter((one) => one.agent !== OTHER);
  let rest = 0n;
  for (const one of agents) if (!top.includes(one)) rest += one.nano;
  const samples = top.map((one) => sample("bursar_spend_usd_total", { agent: one.agent }, usdText(one.nano)));
  if (rest > 0n) samples.push(sample("bursar_spend_usd_total", { agent: OTHER }, usdText(rest)));
  return family("bursar_spend_usd_total", { type: "counter", help: "Posted cost in US dollars, by agent.", samples });
}

function tokensFamily(needs: DeskNeeds): string {
  const totals = new Map<string, number>();
  for (const agent of needs.ledger.state().agents.values()) {
    for (const name of USAGE_CLASSES) totals.set(name, (totals.get(name) ?? 0) + (agent.tokens[name] ?? 0));
  }
  const samples = [...totals].map(([name, count]) => sample("bursar_tokens_total", { class: name }, count));
  return family("bursar_tokens_total", {
    type: "counter",
    help: "Posted usage, by class; requests and web_searches count events.",
    samples,
  });
}

function budgetFamilies(needs: DeskNeeds): readonly string[] {
  const views = openAccounts(needs.ledger.state(), needs.clock.now()).map((one) => one.view);
  const fullness = (view: (typeof views)[number]): number =>
    view.limit === null || view.limit === 0n ? 0 : Number(((view.used + view.held) * 10_000n) / view.limit);
  const top = views.map((view) => ({ view, full: fullness(view) })).sort((one, other) => other.full - one.full);
  const kept = top.slice(0, LABELS_MAX).map((one) => one.view);
  const rest = new Map<string, { budget: string; unit: (typeof views)[number]["unit"]; used: bigint; held: bigint }>();
  for (const { view } of top.slice(LABELS_MAX)) {
    const sum = rest.get(view.budget) ?? { budget: view.budget, unit: view.unit, used: 0n, held: 0n };
    rest.set(view.budget, { ...sum, used: sum.used + view.used, held: sum.held + view.held });
  }
  const others = [...rest.values()].slice(0, LABELS_MAX);
  return (["limit", "used", "held"] as const).map((field) => {
    const name = `bursar_budget_${field}`;
    const samples: string[] = [];
    for (const view of kept) {
      const amount = view[field];
      const labels = { budget: view.budget, group: view.group.join(","), unit: view.unit };
      if (amount !== null) samples.push(sample(name, labels, amountJson(view.unit, amount)));
    }
    if (field !== "limit") {
      for (const sum of others)
        samples.push(sample(name, { budget: sum.budget, group: OTHER, unit: sum.unit }, amountJson(sum.unit, sum[field])));
    }
    return family(name, { type: "gauge", help: `${field} of the fullest open accounts, in the budget's unit.`, samples });
  });
}

function decisionsFamily(needs: DeskNeeds): string {
  const samples: string[] = [];
  for (const [decision, reasons] of needs.measures.decisions()) {
    for (const [reason, count] of reasons) samples.push(sample("bursar_decisions_total", { decision, reason }, count));
  }
  return family("bursar_decisions_total", {
    type: "counter",
    help: "What became of holds since the start, by decision and reason.",
    samples,
  });
}

function overheadFamily(needs: DeskNeeds): string {
  const name = "bursar_overhead_seconds";
  const { atMost, count, seconds } = needs.measures.overhead();
  const samples = OVERHEAD_BOUNDS.map((bound, index) => sample(`${name}_bucket`, { le: String(bound) }, atMost[index] ?? 0));
  samples.push(
    sample(`${name}_bucket`, { le: "+Inf" }, count),
    sample(`${name}_sum`, {}, seconds),
    sample(`${name}_count`, {}, count),
  );
  return family(name, { type: "histogram", help: "Time that Bursar itself took per call.", samples });
}

function holdsFamily(needs: DeskNeeds): string {
  const counts = { pending: 0, presumed: 0 };
  for (const hold of needs.ledger.state().holds.values()) counts[hold.state] += 1;
  const samples = Object.entries(counts).map(([state, count]) => sample("bursar_holds", { state }, count));
  return family("bursar_holds", { type: "gauge", help: "Attempts with money set aside.", samples });
}

/** Names of the metrics, in the order they are written; docs/reference/metrics.md lists the same. */
export const METRIC_NAMES: readonly string[] = [
  "bursar_spend_usd_total",
  "bursar_tokens_total",
  "bursar_budget_limit",
  "bursar_budget_used",
  "bursar_budget_held",
  "bursar_holds",
  "bursar_decisions_total",
  "bursar_overhead_seconds",
];

/** The whole page of metrics. Bounded: at most LABELS_MAX label values per metric and budget. */
export function metricsText(needs: DeskNeeds): string {
  const families = [
    spendFamily(needs),
    tokensFamily(needs),
    ...budgetFamilies(needs),
    holdsFamily(needs),
    decisionsFamily(needs),
    overheadFamily(needs),
  ];
  return `${families.join("\n")}\n`;
}
