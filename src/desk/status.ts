import { z } from "zod";
import { openMemo, pathOf } from "../accounting/budget/accounts.js";
import type { AgentTotals, State } from "../accounting/ledger/state.js";
import { viewOf } from "../accounting/ledger/view.js";
import { inputTokens, outputTokens } from "../accounting/meter/usage.js";
import { usdText } from "../accounting/units/money.js";
import { openWindows } from "../accounting/units/window.js";
import {
  ACCOUNT_COLUMNS,
  type AccountJson,
  accountJson,
  accountRow,
  accountSchema,
  instantJson,
  instantSchema,
  shownUsd,
  usdSchema,
} from "./amount.js";
import { defineCommand } from "./command.js";
import type { DeskNeeds } from "./needs.js";
import { type OpenAccount, openAccounts, wholeAccount } from "./open-accounts.js";
import { type Block, left, right } from "./shown.js";

const agentSchema = z.object({
  tokens: z.object({ total: z.number() }).catchall(z.number()).describe("by class, and their total"),
  cost_usd: usdSchema,
  simulated_usd: usdSchema.describe("the part of cost_usd that the simulator served"),
  calls: z.number(),
  refused: z.number(),
  paused: z.boolean(),
  budgets: z
    .array(accountSchema)
    .describe("the open accounts its calls spend from: its own, and those of budgets without groups"),
});

const output = z.object({
  as_of_seq: z.number().describe("everything up to this log entry is in the figures"),
  at: instantSchema,
  agents: z.record(z.string(), agentSchema),
  global: z.object({
    total_tokens: z.number(),
    total_cost_usd: usdSchema,
    simulated_usd: usdSchema,
    held_usd: usdSchema.describe("set aside for calls in flight, and presumed"),
    calls: z.number(),
    refused: z.number(),
    holds: z.number(),
    presumed: z.number().describe("holds whose outcome nobody knows: bursar hold list --state presumed"),
  }),
  windows: z
    .record(
      z.string(),
      z.object({ accounts: z.number(), whole: accountSchema.nullable().describe("null for a budget with groups") }),
    )
    .describe("every budget with its open window"),
  alerts: z.array(z.unknown()).describe("always empty until rules are built"),
  server: z.object({
    version: z.string(),
    address: z.string().nullable(),
    started_at: instantSchema,
    config_path: z.string().nullable(),
    providers: z.array(z.object({ name: z.string(), mode: z.enum(["real", "simulated", "keyless"]) })),
  }),
});

type Status = z.output<typeof output>;

function totalTokens(totals: AgentTotals): number {
  return inputTokens(totals.tokens) + outputTokens(totals.tokens);
}

/** Tokens by class and their total; requests and searches are no tokens. */
function tokensOf(totals: AgentTotals): Status["agents"][string]["tokens"] {
  const { requests: _requests, web_searches: _searches, ...tokens } = totals.tokens;
  return { ...tokens, total: totalTokens(totals) };
}

/**
 * Accounts that an agent's calls spend from, as far as the agent alone decides it: those of its own, and those it shares
 * through budgets without groups. What its team, user or task adds is told by `me` and by the calls.
 */
function ownAccounts(
  state: State,
  agent: string,
  using: { open: readonly OpenAccount[]; memo: ReturnType<typeof openMemo>; now: number },
): AccountJson[] {
  const own = new Map<string, AccountJson>();
  const path = pathOf(state, { key: "", agent, model: "" }, using.now, using.memo);
  for (const step of path) {
    const { per } = step.budget.budget;
    const alone = per.length === 0 || (per.length === 1 && per[0] === "agent");
    if (alone) own.set(step.opening.id, accountJson(viewOf(state, step, using.now)));
  }
  for (const { view } of using.open) own.set(view.id, accountJson(view));
  return [...own.values()];
}

/** Open accounts by the agent in their group, so that a fleet costs one pass. */
function byAgent(open: readonly OpenAccount[]): ReadonlyMap<string, readonly OpenAccount[]> {
  const sorted = new Map<string, OpenAccount[]>();
  for (const one of open) {
    const index = one.budget.budget.per.indexOf("agent");
    const agent = one.view.group[index];
    if (agent === undefined) continue;
    const known = sorted.get(agent);
    if (known === undefined) sorted.set(agent, [one]);
    else known.push(one);
  }
  return sorted;
}

function windowsOf(state: State, open: readonly OpenAccount[], now: number): Status["windows"] {
  const counts = new Map<string, number>();
  for (const { view } of open) counts.set(view.budget, (counts.get(view.budget) ?? 0) + 1);
  const windows: [string, Status["windows"][string]][] = [];
  for (const [name, budget] of state.budgets) {
    if (budget.removed) continue;
    const whole = wholeAccount(state, budget, now);
    windows.push([name, { accounts: counts.get(name) ?? 0, whole: whole === null ? null : accountJson(whole) }]);
  }
  return Object.fromEntries(windows);
}

function globalOf(state: State): Status["global"] {
  let nano = 0n;
  let simulated = 0n;
  const global = { total_tokens: 0, calls: 0, refused: 0 };
  for (const totals of state.agents.values()) {
    nano += totals.nano;
    simulated += totals.simulated_nano;
    global.total_tokens += totalTokens(totals);
    global.calls += totals.calls;
    global.refused += totals.refused;
  }
  let held = 0n;
  let presumed = 0;
  for (const hold of state.holds.values()) {
    held += hold.ceiling.nano;
    if (hold.state === "presumed") presumed += 1;
  }
  const money = { total_cost_usd: usdText(nano), simulated_usd: usdText(simulated), held_usd: usdText(held) };
  return { ...global, ...money, holds: state.holds.size, presumed };
}

function agentsOf(state: State, open: readonly OpenAccount[], now: number): Status["agents"] {
  const own = byAgent(open);
  const memo = openMemo(openWindows());
  // An agent with calls in flight is listed before its first call is settled.
  const names = new Set([...state.agents.keys(), ...own.keys()]);
  for (const hold of state.holds.values()) names.add(hold.attribution.agent);
  const none: AgentTotals = { calls: 0, refused: 0, nano: 0n, simulated_nano: 0n, simulated_calls: 0, tokens: {} };
  const agents: [string, Status["agents"][string]][] = [...names].map((name) => {
    const totals = state.agents.get(name) ?? none;
    return [
      name,
      {
        tokens: tokensOf(totals),
        cost_usd: usdText(totals.nano),
        simulated_usd: usdText(totals.simulated_nano),
        calls: totals.calls,
        refused: totals.refused,
        paused: false,
        budgets: ownAccounts(state, name, { open: own.get(name) ?? [], memo, now }),
      },
    ];
  });
  return Object.fromEntries(agents);
}

/** The status at one entry of the log: agents, budgets and totals. Reads memory only. */
function statusOf(needs: DeskNeeds): Status {
  const state = needs.ledger.state();
  const now = needs.clock.now();
  const open = openAccounts(state, now);
  const server = needs.server();
  return {
    as_of_seq: state.seq,
    at: instantJson(now),
    agents: agentsOf(state, open, now),
    global: globalOf(state),
    windows: windowsOf(state, open, now),
    alerts: [],
    server: {
      version: server.version,
      address: server.address,
      started_at: instantJson(server.started_at),
      config_path: server.config_path,
      providers: server.providers.map(({ name, mode }) => ({ name, mode })),
    },
  };
}

function show(status: Status): readonly Block[] {
  const { global } = status;
  const agents = Object.entries(status.agents).map(([name, agent]) => {
    const tightest = [...agent.budgets].sort((one, other) => (other.percent ?? -1) - (one.percent ?? -1))[0];
    const input = Object.entries(agent.tokens).filter(([key]) => key.startsWith("input") || key.startsWith("cache"));
    const inputs = input.reduce((sum, [, count]) => sum + count, 0);
    const outputs = agent.tokens.total - inputs;
    const budget = tightest === undefined || tightest.percent === null ? "" : `${tightest.name} ${tightest.percent.toFixed(1)} %`;
    return [
      name,
      String(agent.calls),
      String(agent.refused),
      String(inputs),
      String(outputs),
      String(agent.tokens.total),
      shownUsd(agent.cost_usd),
      budget,
    ];
  });
  const columns = [
    left("Agent"),
    right("Calls"),
    right("Refused"),
    right("Input"),
    right("Output"),
    right("Total Tokens"),
    right("Cost (USD)"),
    left("Tightest budget"),
  ];
  const whole = Object.values(status.windows).flatMap((window) => (window.whole === null ? [] : [window.whole]));
  const grouped = Object.values(status.agents).flatMap((agent) => agent.budgets);
  const accounts = [...new Map([...whole, ...grouped].map((one) => [one.account, one])).values()];
  const simulated = shownUsd(global.simulated_usd) === "$0.00" ? "" : `, ${shownUsd(global.simulated_usd)} of it simulated`;
  return [
    { title: "Agents", columns, rows: agents, empty: "No call yet." },
    {
      title: "Budgets",
      columns: ACCOUNT_COLUMNS,
      rows: accounts.map(accountRow),
      empty: "No budget is declared: nothing is limited.",
    },
    `${global.calls} ${global.calls === 1 ? "call" : "calls"}, ${global.refused} refused, ${global.total_tokens} tokens, ${shownUsd(global.total_cost_usd)} spent${simulated}, ${shownUsd(global.held_usd)} held.`,
  ];
}

/** `status`: all agents, budgets and totals, at one entry of the log. */
export const status = defineCommand({
  name: "status",
  summary: "What every agent has used, what is held and what its budgets leave",
  permission: "read",
  method: "GET",
  path: "/status",
  input: z.strictObject({}),
  output,
  changes: false,
  run: async (needs) => statusOf(needs),
  show,
  cli: { positional: [], example: "bursar status --json" },
});
