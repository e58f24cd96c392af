import type { Budget } from "../../accounting/budget/budget.js";
import { amountText } from "../../accounting/budget/refusal-text.js";
import type { ServerFacts } from "../../desk/needs.js";

const WIDTH = 100;
const BUDGETS_SHOWN = 5;

function windowText({ window }: Budget): string {
  if (window.kind === "calendar") return `a ${window.unit}`;
  return window.kind === "lifetime" ? "in all" : `in any ${window.ms / 60_000} minutes`;
}

function budgetLine(budget: Budget): string {
  const limit = budget.limit === null ? "unlimited" : amountText(budget.unit, budget.limit);
  const per = budget.per.length === 0 ? "" : ` for each ${budget.per.join(" and ")}`;
  return `${budget.name}: ${limit} ${windowText(budget)}${per}, ${budget.mode}`;
}

function providersText(facts: ServerFacts): string {
  const words = { real: "real", simulated: "simulated at real prices", keyless: "has no key and refuses" } as const;
  return facts.providers.map((provider) => `${provider.name} ${words[provider.mode]}`).join(", ");
}

/**
 * What `up` prints, once: where everything is and the lines to paste. It has no right border, so that a line can be
 * copied whole. `key` is what clients send.
 */
export function startBox(of: { url: string; facts: ServerFacts; budgets: readonly Budget[] }): string {
  const { url, facts, budgets } = of;
  const key = facts.config_path === null ? "any" : "YOUR_KEY";
  const body = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}';
  const rows: [string, string][] = [
    ["Dashboard", `${url}/`],
    ["Providers", providersText(facts) || "none: add providers: to bursar.yaml"],
    ["Budgets", budgets.length === 0 ? "none: nothing is limited" : budgetLine(budgets[0] as Budget)],
    ...budgets.slice(1, BUDGETS_SHOWN).map((budget): [string, string] => ["", budgetLine(budget)]),
    ...(budgets.length > BUDGETS_SHOWN
      ? [["", `and ${budgets.length - BUDGETS_SHOWN} more: bursar budget list`] as [string, string]]
      : []),
    ["Config", facts.config_path ?? "none (./bursar.yaml is read when it is there); clients may send any key"],
    ["Data", facts.data_directory ?? "in memory"],
    ["", ""],
    ["Shell", `export OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${key} ANTHROPIC_BASE_URL=${url} ANTHROPIC_API_KEY=${key}`],
    ["", `export GOOGLE_GEMINI_BASE_URL=${url} GEMINI_API_KEY=${key}`],
    [
      "HTTP",
      `curl ${url}/v1/chat/completions -H 'content-type: application/json' -H 'authorization: Bearer ${key}' -d '${body}'`,
    ],
    ["TypeScript", `new OpenAI({ baseURL: "${url}/v1", apiKey: "${key}" })`],
    ["Python", `OpenAI(base_url="${url}/v1", api_key="${key}")`],
    ["Claude Code", `ANTHROPIC_BASE_URL=${url} ANTHROPIC_AUTH_TOKEN=${key} claude`],
    [
      "Codex",
      `codex -c model_provider=bursar -c 'model_providers.bursar={name="Bursar",base_url="${url}/v1",wire_api="responses",experimental_bearer_token="${key}"}'`,
    ],
    ["By agent", `${url}/agents/NAME/v1 as base URL names the agent`],
    ["", ""],
    ["Demo fleet", "npm run demo (always simulated, own data directory)"],
    ["Stop", "Ctrl-C"],
  ];
  const title = `─ Bursar ${facts.version} `;
  const lines = rows.map(([name, text]) => (text === "" ? "│" : `│ ${name.padEnd(12)}${text}`));
  return `╭${title.padEnd(WIDTH, "─")}\n${lines.join("\n")}\n╰${"─".repeat(WIDTH)}\n`;
}
