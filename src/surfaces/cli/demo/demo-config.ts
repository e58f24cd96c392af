/**
 * The configuration of the demo: the brief's planning table as budgets. Money path: fails closed — the only provider is
 * simulated, so that whatever keys are in the environment nothing is sent to anybody.
 */
import { randomBytes } from "node:crypto";
import { DEMO_AGENTS } from "./demo-agents.js";

/** Tokens a day and dollars a month by type of agent: the planning table. */
const PLAN: Readonly<Record<string, { readonly day: string; readonly month: number }>> = {
  "customer-support": { day: "500k", month: 150 },
  research: { day: "2M", month: 600 },
  "code-generation": { day: "3M", month: 900 },
  "data-analysis": { day: "1M", month: 300 },
  "internal-tooling": { day: "200k", month: 60 },
};

/** Name of the budget that stops a task. */
export const TASK_CAP = "task-cap";

/** A key for each agent, for this run alone. */
export function demoKeys(): ReadonlyMap<string, string> {
  return new Map(DEMO_AGENTS.map((agent) => [agent.name, `demo-${randomBytes(16).toString("hex")}`]));
}

/** `bursar.yaml` of the demo. */
export function demoConfig(keys: ReadonlyMap<string, string>): string {
  const keyLines = DEMO_AGENTS.map(
    ({ name, team }) => `  - { name: ${name}, token: ${keys.get(name)}, team: ${team}, agent: ${name}, attribution: headers }`,
  );
  const planned = DEMO_AGENTS.flatMap(({ name, type }) => {
    const plan = PLAN[type];
    if (plan === undefined) return [];
    return [
      `  - { name: ${type}-day, match: { agent: ${name} }, per: [agent], limit: { tokens: ${plan.day} }, window: day }`,
      `  - { name: ${type}-month, match: { agent: ${name} }, per: [agent], limit: { usd: ${plan.month} }, window: month }`,
    ];
  });
  const org = Object.values(PLAN).reduce((sum, plan) => sum + plan.month, 0);
  return `${[
    "version: 1",
    "providers: { sim: { kind: simulated } }",
    "keys:",
    ...keyLines,
    "agents:",
    ...DEMO_AGENTS.map(({ name, type }) => `  ${name}: { type: ${type} }`),
    "budgets:",
    `  - { name: org-month, limit: { usd: ${org} }, window: month }`,
    ...planned,
    `  - { name: ${TASK_CAP}, per: [task], limit: { usd: 1.50 }, window: lifetime }`,
  ].join("\n")}\n`;
}
