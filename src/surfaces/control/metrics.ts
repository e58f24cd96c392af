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

/** One metric as it is written and documented. */
export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
}

/** Every metric, in the order it is written; docs/reference/metrics.md lists the same. */
export const METRIC_FAMILIES: readonly MetricFamily[] = [
  { name: "bursar_spend_usd_total", type: "counter", labels: ["agent"], help: "Posted cost in US dollars, by agent." },
  {
    name: "bursar_tokens_total",
    type: "counter",
    labels: ["class"],
    help: "Posted usage, by class; requests and web_searches count events.",
  },
  {
    name: "bursar_budget_limit",
    type: "gauge",
    labels: ["budget", "group", "unit"],
    help: "Limit of the fullest open accounts, in the budget's unit.",
  },
  {
    name: "bursar_budget_used",
    type: "gauge",
    labels: ["budget", "group", "unit"],
    help: "Posted on the fullest open accounts, in the budget's unit.",
  },
  {
    name: "bursar_budget_held",
    type: "gauge",
    labels: ["budget", "group", "unit"],
    help: "Held on the fullest open accounts, in the budget's unit.",
  },
  { name: "bursar_holds", type: "gauge", labels: ["state"], help: "Attempts with money set aside." },
  {
    name: "bursar_decisions_total",
    type: "counter",
    labels: ["decision", "reason"],
    help: "What became of holds since the start.",
  },
  { name: "bursar_overhead_seconds", type: "histogram", labels: ["le"], help: "Time that Bursar itself took per call." },
];

type Labels = Readonly<Record<string, string>>;

/** Hostile names are label values like any other: escaped, cut, and nothing else. */
function labelText(value: string): string {
  return value.slice(0, LABEL_LENGTH_MAX).toWellFormed().replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

function sample(name: string, labels: Labels, value: string | number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${labelText(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
}

function familyText({ name, help, type }: MetricFamily, samples: readonly string[]): string {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples].join("\n");
}

function spendSamples(needs: DeskNeeds): string[] {
  const agents = [...needs.ledger.state().agents].map(([agent, totals]) => ({ agent, nano: totals.nano }));
  agents.sort((one, other) => (one.nano < other.nano ? 1 : one.nano > other.nano ? -1 : 0));
  const top = agents.slice(0, LABELS_MAX).filter((one) => one.agent !== OTHER);
  let rest = 0n;
  for (const one of agents) if (!top.includes(one)) rest += one.nano;
  const samples = top.map((one) => sample("bursar_spend_usd_total", { agent: one.agent }, usdText(one.nano)));
  if (rest > 0n) samples.push(sample("bursar_spend_usd_total", { agent: OTHER }, usdText(rest)));
  return samples;
}

function tokenSamples(needs: DeskNeeds): string[] {
  const totals = new Map<string, number>();
  for (const agent of needs.ledger.state().agents.values()) {
    for (const name of USAGE_CLASSES) totals.set(name, (totals.get(name) ?? 0) + (agent.tokens[name] ?? 0));
  }
  return [...totals].map(([name, count]) => sample("bursar_tokens_total", { class: name }, count));
}

function budgetSamples(needs: DeskNeeds): string[] {
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
  const samples: string[] = [];
  for (const field of ["limit", "used", "held"] as const) {
    const name = `bursar_budget_${field}`;
    for (const view of kept) {
      const amount = view[field];
      const labels = { budget: view.budget, group: view.group.join(","), unit: view.unit };
      if (amount !== null) samples.push(sample(name, labels, amountJson(view.unit, amount)));
    }
    if (field === "limit") continue;
    for (const sum of others) {
      const labels = { budget: sum.budget, group: OTHER, unit: sum.unit };
      samples.push(sample(name, labels, amountJson(sum.unit, sum[field])));
    }
  }
  return samples;
}

function decisionSamples(needs: DeskNeeds): string[] {
  const samples: string[] = [];
  for (const [decision, reasons] of needs.measures.decisions()) {
    for (const [reason, count] of reasons) samples.push(sample("bursar_decisions_total", { decision, reason }, count));
  }
  return samples;
}

function overheadSamples(needs: DeskNeeds): string[] {
  const name = "bursar_overhead_seconds";
  const { atMost, count, seconds } = needs.measures.overhead();
  const samples = OVERHEAD_BOUNDS.map((bound, index) => sample(`${name}_bucket`, { le: String(bound) }, atMost[index] ?? 0));
  samples.push(
    sample(`${name}_bucket`, { le: "+Inf" }, count),
    sample(`${name}_sum`, {}, seconds),
    sample(`${name}_count`, {}, count),
  );
  return samples;
}

function holdSamples(needs: DeskNeeds): string[] {
  const counts = { pending: 0, presumed: 0 };
  for (const hold of needs.ledger.state().holds.values()) counts[hold.state] += 1;
  return Object.entries(counts).map(([state, count]) => sample("bursar_holds", { state }, count));
}

/** The whole page of metrics. Bounded: at most LABELS_MAX label values per metric and budget. */
export function metricsText(needs: DeskNeeds): string {
  const samples = [
    ...spendSamples(needs),
    ...tokenSamples(needs),
    ...budgetSamples(needs),
    ...holdSamples(needs),
    ...decisionSamples(needs),
    ...overheadSamples(needs),
  ];
  const families = METRIC_FAMILIES.map((family) => {
    const own = samples.filter(
      (line) => line.startsWith(family.name) && /^(_bucket|_sum|_count)?[{ ]/.test(line.slice(family.name.length)),
    );
    return familyText(family, own);
  });
  return `${families.join("\n")}\n`;
}
