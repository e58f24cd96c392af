import type { KeyIdentity } from "./identify.js";
import type { Candidate } from "./needs.js";
import { bringsCredentials, mayUseModel } from "./permitted.js";

/**
 * What will be sent, and to whom, in order of preference: what was asked for first, then those of its fallbacks that the
 * key may use and that take what the client brings. Savings propose here; none is built yet, so the request stays as it came.
 */
export function planCall(call: {
  readonly key: KeyIdentity;
  /** The client's own, for providers that take those. */
  readonly credentials: Readonly<Record<string, string>> | undefined;
  readonly candidates: readonly Candidate[];
}): readonly Candidate[] {
  if (call.candidates.length <= 1) return call.candidates;
  const anonymous = !bringsCredentials(call.credentials);
  return call.candidates.filter(({ canonical, upstream }, index) => {
    if (index === 0) return true;
    return mayUseModel(call.key, canonical) && !(anonymous && upstream.needs_credentials === true);
  });
}
