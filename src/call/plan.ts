import type { ParsedRequest } from "./message.js";
import type { Candidate } from "./needs.js";

/**
 * What will be sent, and to whom, in order of preference. Savings propose here; none is built yet, so the plan is the
 * request as it came and the candidates as they were found.
 */
export function planCall(call: {
  readonly parsed: ParsedRequest;
  readonly candidates: readonly Candidate[];
}): readonly Candidate[] {
  return call.candidates;
}
