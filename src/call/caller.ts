/**
 * Who a request comes from, remembered. An agent says the same about itself with every request, so it is read once and
 * found again by what it says. Money path: fails closed — what is remembered is only what the same words were read as under
 * the same key; what changes with every call is read every time.
 */
import type { Attribution } from "../accounting/budget/budget.js";
import { carriesClaim, changesByCall } from "./claim-headers.js";
import { type AttributionClaims, type Identified, identify, type KeyIdentity } from "./identify.js";
import type { ParsedRequest } from "./message.js";

/** What of a request says who makes it, beside its body. */
export interface Asking {
  readonly key: KeyIdentity;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly path_agent?: string;
}

/** A caller, with its attribution for each model it has called. */
export interface Caller {
  readonly identified: Identified;
  readonly attributions: Map<string, Attribution>;
}

/** What is known of callers. */
export interface Callers {
  /** The caller of a request. Throws BursarError `invalid_request` on what cannot be read. */
  of(request: Asking, parsed: ParsedRequest): Caller;
}

/** Callers remembered; one more, and all are forgotten. A caller takes about a kilobyte. */
const CALLERS_MAX = 20_000;
/** Models remembered of one caller. */
const MODELS_MAX = 32;

function part(text: string | null | undefined): string {
  return text === null || text === undefined ? "-" : `${text.length}:${text}`;
}

/** All that a request says of its caller, as one text; null where it says something that it will not say again. */
function saidBy(request: Asking, parsed: ParsedRequest): string | null {
  const { headers } = request;
  let said = part(request.path_agent) + part(parsed.body_user) + part(parsed.body_session);
  for (const name in headers) {
    if (!carriesClaim(name)) continue;
    if (changesByCall(name)) return null;
    said += `${name} ${part(headers[name])}`;
  }
  for (const _ in parsed.body_tags) return null;
  return said;
}

function read(request: Asking, parsed: ParsedRequest): Caller {
  // Only the headers that the text was made of are read: what is not in it cannot decide who somebody is.
  const headers: Record<string, string> = {};
  for (const name in request.headers) if (carriesClaim(name)) headers[name] = request.headers[name] as string;
  const { body_user, body_session = null, body_tags } = parsed;
  const claims: AttributionClaims = { headers, body_user, body_session, body_tags };
  const { path_agent } = request;
  return {
    identified: identify(request.key, path_agent === undefined ? claims : { ...claims, path_agent }),
    attributions: new Map(),
  };
}

/** An empty memory of callers. */
export function openCallers(): Callers {
  // By the key itself: a configuration that is read again brings new ones, and forgets what the old ones stood for.
  let byKey = new WeakMap<KeyIdentity, Map<string, Caller>>();
  let known = 0;
  return {
    of(request, parsed) {
      const said = saidBy(request, parsed);
      if (said === null) return read(request, parsed);
      let callers = byKey.get(request.key);
      const found = callers?.get(said);
      if (found !== undefined) return found;
      const caller = read(request, parsed);
      if (known >= CALLERS_MAX) {
        byKey = new WeakMap();
        callers = undefined;
        known = 0;
      }
      if (callers === undefined) {
        callers = new Map();
        byKey.set(request.key, callers);
      }
      callers.set(said, caller);
      known += 1;
      return caller;
    },
  };
}

/** The attribution of a caller's call to a model: one frozen object each, by which the ledger knows its accounts again. */
export function attributionOf(caller: Caller, canonical: string): Attribution {
  const { attributions } = caller;
  const known = attributions.get(canonical);
  if (known !== undefined) return known;
  const attribution: Attribution = Object.freeze({ ...caller.identified.caller, model: canonical });
  if (attributions.size >= MODELS_MAX) attributions.clear();
  attributions.set(canonical, attribution);
  return attribution;
}
