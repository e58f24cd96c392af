import type { Memo } from "../accounting/budget/accounts.js";
import type { Attribution } from "../accounting/budget/budget.js";
import type { IdempotencyMark } from "../accounting/ledger/entry.js";
import type { Caller, Callers } from "./caller.js";
import type { KeyIdentity } from "./identify.js";
import type { ParsedRequest, RequestTarget } from "./message.js";
import type { CallNeeds, CallSignal, Candidate, Catalog, Dialect } from "./needs.js";
import type { Replies } from "./replies.js";

/** A call as a surface hands it over. */
export interface CallRequest {
  readonly dialect: Dialect;
  /** What the route's URL says of the request; absent where the body says it all. */
  readonly target?: RequestTarget;
  readonly query: string;
  readonly body: Uint8Array;
  /** Lower-case client headers, credentials already taken out. */
  readonly headers: Readonly<Record<string, string>>;
  /** The client's credential headers, for a provider with `passthrough`. Secret. */
  readonly credentials?: Readonly<Record<string, string>>;
  readonly path_agent?: string;
  readonly key: KeyIdentity;
  /** Who serves this call, where the surface knows better (the SDK: the wrapped client's own connection). */
  readonly catalog?: Catalog;
  /** Aborts when the client leaves. */
  readonly signal: CallSignal;
}

/** A call once it is known who makes it and who serves it. */
export interface Admissible {
  readonly call_id: string;
  readonly request: CallRequest;
  readonly parsed: ParsedRequest;
  readonly caller: Caller;
  /** Of the first candidate. */
  readonly attribution: Attribution;
  /** The call came with an Idempotency-Key. */
  readonly idempotency: IdempotencyMark | null;
  readonly candidates: readonly Candidate[];
  readonly startedAt: number;
}

/** What a running call shares with the others. */
export interface RoadParts {
  readonly needs: CallNeeds;
  readonly memo: Memo;
  readonly callers: Callers;
  readonly active: Set<string>;
  readonly replies: Replies;
}
