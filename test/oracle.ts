/**
 * A naive ledger: one list of holds, everything recomputed by scanning. It shares no rule with Bursar's `decide` and is
 * slow on purpose; the stores are compared with it operation by operation. Windows: lifetime and UTC days only.
 */
export interface OracleBudget {
  readonly name: string;
  readonly per: "none" | "agent" | "team" | "task";
  readonly unit: "usd" | "tokens" | "requests";
  readonly window: "day" | "lifetime";
  readonly limit: number;
}

export interface OracleCall {
  readonly agent: string;
  readonly team: string;
  readonly task: string | null;
  readonly nano: number;
  readonly tokens: number;
}

interface OracleHold {
  readonly call: OracleCall;
  readonly day: number;
  state: "held" | "posted" | "voided";
  nano: number;
  tokens: number;
}

const DAY_MS = 86_400_000;

export class Oracle {
  readonly budgets: OracleBudget[] = [];
  readonly raised = new Map<string, number>();
  readonly holds = new Map<string, OracleHold>();

  private groupOf(budget: OracleBudget, call: OracleCall): string | null {
    return budget.per === "none" ? "" : call[budget.per];
  }

  private amount(budget: OracleBudget, of: { nano: number; tokens: number }): number {
    return budget.unit === "usd" ? of.nano : budget.unit === "tokens" ? of.tokens : 1;
  }

  /** Posted and held amounts of one budget for the group and day of a call. */
  standing(budget: OracleBudget, call: OracleCall, now: number): { used: number; held: number } {
    const group = this.groupOf(budget, call);
    const standing = { used: 0, held: 0 };
    for (const hold of this.holds.values()) {
      if (hold.state === "voided" || this.groupOf(budget, hold.call) !== group) continue;
      if (budget.window === "day" && hold.day !== Math.floor(now / DAY_MS)) continue;
      standing[hold.state === "posted" ? "used" : "held"] += this.amount(budget, hold);
    }
    return standing;
  }

  limit(budget: OracleBudget): number {
    return Math.max(0, budget.limit + (this.raised.get(budget.name) ?? 0));
  }

  /** Lowering ends at a limit of nothing. */
  raise(budget: OracleBudget, by: number): void {
    this.raised.set(budget.name, (this.raised.get(budget.name) ?? 0) + Math.max(by, -this.limit(budget)));
  }

  /** True when admitted. */
  hold(id: string, call: OracleCall, now: number): boolean {
    for (const budget of this.budgets) {
      if (this.groupOf(budget, call) === null) continue;
      const { used, held } = this.standing(budget, call, now);
      if (used + held + this.amount(budget, call) > this.limit(budget)) return false;
    }
    this.holds.set(id, { call, day: Math.floor(now / DAY_MS), state: "held", nano: call.nano, tokens: call.tokens });
    return true;
  }

  /** `done`, `same` (already so), `conflict` or `unknown`. */
  post(id: string, of: { nano: number; tokens: number }): string {
    const hold = this.holds.get(id);
    if (hold === undefined) return "unknown";
    if (hold.state === "voided") return "conflict";
    if (hold.state === "posted") return hold.nano === of.nano ? "same" : "conflict";
    hold.state = "posted";
    hold.nano = of.nano;
    hold.tokens = of.tokens;
    return "done";
  }

  void(id: string): string {
    const hold = this.holds.get(id);
    if (hold === undefined) return "unknown";
    if (hold.state === "voided") return "same";
    if (hold.state === "posted") return "conflict";
    hold.state = "voided";
    return "done";
  }
}
