import type { Ceiling } from "../ledger/command.js";
import { inputTokens, outputTokens, type UsageCounts, uncachedTokens } from "../meter/usage.js";
import type { Count, Unit } from "./budget.js";

/** What an account counts. */
export interface Counted {
  readonly unit: Unit;
  readonly count: Count;
}

/** The amount a ceiling sets aside on an account, in its unit. An attempt is one request; an extension is none. */
export function amountOfCeiling(account: Counted, ceiling: Ceiling, requests: bigint): bigint {
  if (account.unit === "usd") return ceiling.nano;
  if (account.unit === "requests") return requests;
  if (account.count === "input") return BigInt(ceiling.input_tokens);
  if (account.count === "output") return BigInt(ceiling.output_tokens);
  return BigInt(ceiling.input_tokens + ceiling.output_tokens);
}

/** The amount that true usage and cost post on an account, in its unit. */
export function amountOfUsage(account: Counted, usage: UsageCounts, nano: bigint): bigint {
  if (account.unit === "usd") return nano;
  if (account.unit === "requests") return 1n;
  switch (account.count) {
    case "input":
      return BigInt(inputTokens(usage));
    case "output":
      return BigInt(outputTokens(usage));
    case "uncached":
      return BigInt(uncachedTokens(usage) + outputTokens(usage));
    case "total":
      return BigInt(inputTokens(usage) + outputTokens(usage));
  }
}
