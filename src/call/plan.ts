import type { KeyIdentity } from "./identify.js";
import type { ParsedRequest } from "./message.js";
import type { Candidate } from "./needs.js";
import { mayUseModel } from "./permitted.js";

/**
 * What will be sent, and to whom, in order of preference: what was asked for first, then those of its fallbacks that the
 * key may use. Savings propose here; none is built yet, so the request stays as it came.
 */
export function planCall(call: {
  readonly parsed: ParsedRequest;
  readonly key: KeyIdentity;
  readonly candidates: readonly Candidate[];
}): readonly Candidate[] {
  return call.candidates.filter((candidate, index) => index === 0 || mayUseModel(call.key, candidate.canonical));
}
