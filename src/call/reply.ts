import type { BursarError } from "../accounting/errors.js";
import type { CallFigures } from "./needs.js";

/** What every answer tells about the call besides its body. */
export interface ReplyFacts {
  readonly figures: CallFigures;
  /** Canonical model that serves it; null before one was found. */
  readonly model: string | null;
  readonly simulated: boolean;
  /** Short machine words: `attribution_ignored`, `over:hourly`. */
  readonly warnings: readonly string[];
  /** Headers of the provider that pass through (content-type, request ids, rate limits). */
  readonly provider_headers: Readonly<Record<string, string>>;
  /** The stored reply of an earlier call with the same Idempotency-Key; nothing was sent or billed for it. */
  readonly replayed?: true;
}

/** What a call comes to. Knows nothing of HTTP but the provider's own status. */
export type CallReply =
  | { readonly kind: "whole"; readonly status: number; readonly body: Uint8Array; readonly facts: ReplyFacts }
  /** `body` may be left at any time, also before its first chunk: the call settles all the same. */
  | { readonly kind: "stream"; readonly status: number; readonly body: AsyncIterable<Uint8Array>; readonly facts: ReplyFacts }
  | { readonly kind: "refused"; readonly error: BursarError; readonly body: Uint8Array; readonly facts: ReplyFacts };
