/** The final figures of a call as a stream carries them: a comment line, and a `bursar` object in the terminal event. */
import type { AccountView } from "../accounting/ledger/command.js";
import { usdText } from "../accounting/units/money.js";
import type { CallFigures } from "../call/needs.js";

function leftOf(view: AccountView): string | null {
  if (view.left === null) return null;
  return view.unit === "usd" ? usdText(view.left) : String(view.left);
}

function instant(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** One line, whatever a budget is called: a line end would open a new field of the event. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, " ");
}

/** `: bursar call_id=… cost_usd=… remaining=…` as an SSE comment with its blank line. Cost unknown: `unknown`. */
export function figuresComment(figures: CallFigures): string {
  const accounts = figures.remaining.map((view) => {
    const reset = view.resets_at === null ? "" : `;reset=${instant(view.resets_at)}`;
    return `name=${JSON.stringify(view.budget)};unit=${view.unit};left=${leftOf(view) ?? "unlimited"}${reset}`;
  });
  const cut = figures.cut === undefined ? "" : ` cut=${JSON.stringify(figures.cut)}`;
  const line = `bursar call_id=${figures.call_id} cost_usd=${figures.cost_usd ?? "unknown"}${cut} remaining=${accounts.join(",")}`;
  return `: ${oneLine(line)}\n\n`;
}

/** The `bursar` object of the terminal event, as JSON text. Amounts are text: decimal USD, or whole tokens and requests. */
export function figuresJson(figures: CallFigures, more: Readonly<Record<string, string>> = {}): string {
  const remaining = figures.remaining.map((view) => ({
    name: view.budget,
    unit: view.unit,
    left: leftOf(view),
    resets_at: instant(view.resets_at),
  }));
  const { call_id, cost_usd, ceiling_usd, cut } = figures;
  return JSON.stringify({ call_id, cost_usd, ceiling_usd, ...(cut === undefined ? {} : { cut }), ...more, remaining });
}
