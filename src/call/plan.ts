import type { KeyIdentity } from "./identify.js";
import type { ParsedRequest } from "./message.js";
import type { Candidate } from "./needs.js";
import { mayUseModel } from "./permitted.js";

/**
 * What will be sent, and to whom, in order of preference: what was asked for first, then those of its fallbacks that the
 * key may use and that take what the client brings. Savings propose here; none is built yet, so the request stays as it came.
 */
export function planCall(call: {
  readonly parsed: ParsedRequest;
  readonly key: KeyIdentity;
  /** The client's own, for providers that take those. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly candidates: readonly Candidate[];
}): readonly Candidate[] {
  const anonymous = Object.keys(call.credentials).length === 0;
  return call.candidates.filter(({ canonical, upstream }, index) => {
    if (index === 0) return true;
    return mayUseModel(call.key, canonical) && !(anonymous && upstream.needs_credentials === true);
  });
}
