import type { BursarError, ErrorDetails } from "../accounting/errors.js";
import type { AccountView, LedgerCommand, LedgerResult } from "../accounting/ledger/command.js";
import type { Entry } from "../accounting/ledger/entry.js";
import type { State } from "../accounting/ledger/state.js";
import type { Usage } from "../accounting/meter/usage.js";
import type { PriceBook, PriceRow } from "../accounting/price/price-row.js";
import type { ParsedRequest, RequestTarget } from "./message.js";

/** What a call needs of an AbortSignal, which is one; call-signal.ts makes a lighter one. */
export interface CallSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Wall time in epoch ms, monotonic time in ms, and a sleep that a signal ends early (it then resolves, never throws). */
export interface Clock {
  now(): number;
  monotonic(): number;
  sleep(ms: number, signal?: CallSignal): Promise<void>;
}

/**
 * The ledger as a call sees it. `apply` answers in the order of its commands, once every entry behind an answer is
 * durable. Rejects with `store_unavailable` when nothing more can be written; what it then promised nothing about is
 * counted as held after the restart. Money path: fails closed.
 */
export interface Ledger {
  apply(commands: readonly LedgerCommand[]): Promise<readonly LedgerResult[]>;
  /** The state right now, entries in flight to the disk included. Read only; valid until the next await. */
  state(): State;
  /** Tells that these attempts are alive; 60 s of silence presumes a pending hold. Volatile, no write. */
  renew(attemptIds: readonly string[]): void;
  /** Entries from `seq` on, in order, as far as the log goes now. */
  read(fromSeq: number): AsyncIterable<Entry>;
  /** All entries of one call, in order. */
  readCall(callId: string): Promise<readonly Entry[]>;
  /** Calls `listener` with each batch of entries once it is durable. Returns the unsubscribe. A listener must not throw. */
  subscribe(listener: (entries: readonly Entry[]) => void): () => void;
}

/** Wire formats, each a route and its own module under providers/. */
export const DIALECT_NAMES = [
  "openai-chat",
  "openai-responses",
  "openai-completions",
  "openai-embeddings",
  "anthropic-messages",
  "anthropic-count-tokens",
  "gemini-generate",
  "gemini-count-tokens",
  "gemini-embed",
  "gemini-batch-embed",
  "model-call",
] as const;

/** Name of one wire format. `model-call` is the SDK's own, for frameworks that are met above the wire. */
export type DialectName = (typeof DIALECT_NAMES)[number];

/** What `prepare` splices into the client's bytes; absent means untouched. */
export interface Splice {
  readonly model?: string;
  readonly output_cap?: number;
  /** Most uses of server-side tools, for a request that names none. */
  readonly tool_uses?: number;
  /** OpenAI Chat: `stream_options.include_usage: true`. */
  readonly include_usage?: boolean;
}

/** Figures that a reply, a refusal or a cut carries for the client. Money as decimal USD text. */
export interface CallFigures {
  readonly call_id: string;
  readonly cost_usd: string | null;
  readonly ceiling_usd: string;
  readonly remaining: readonly AccountView[];
  /** Why the stream was ended early, in plain words; absent on a normal end. */
  readonly cut?: string;
}

/** Reads one stream. One instance per attempt; holds bounded memory. */
export interface StreamReader {
  /**
   * One complete SSE event, raw bytes with its terminating blank line. Answers what to forward: the same bytes, edited
   * bytes, or null to swallow it. Never throws on hostile input; it flags instead.
   * The terminal event (and the usage before it, where the figures go) is held back: it comes out of `closing`.
   */
  event(raw: Uint8Array): Uint8Array | null;
  /** What is known so far. */
  readonly seen: StreamSeen;
  /**
   * Bytes that end the stream well-formed from where it stands (open blocks and tool calls closed), as
   * `finish_reason: "length"` / `stop_reason: "max_tokens"` with usage when the client may expect it.
   * All that `event` answered must have been forwarded: what was opened there is closed here.
   */
  cut(figures: CallFigures): Uint8Array;
  /** Bytes that put the final figures at the end (an SSE comment; a `bursar` field for clients that asked for usage). */
  closing(figures: CallFigures): Uint8Array;
  /** The error event, where its form depends on what was sent before it. Absent: the dialect's `errorEvent`. */
  failing?(error: BursarError, callId: string): Uint8Array;
}

/** What a stream has told so far. */
export interface StreamSeen {
  /** Usage as far as the provider told: cumulative, last valid value per field; null before any. */
  readonly usage: Usage | null;
  /** True once the usage is final (a terminal usage event was read). */
  readonly usage_final: boolean;
  /** Output tokens metered from the bytes that passed, never less than the number of deltas with content. */
  readonly metered_output: number;
  /** The stream ended as its dialect says (`[DONE]`, `message_stop`). */
  readonly terminal: boolean;
  /** The provider sent an error event. */
  readonly error: string | null;
  readonly flags: readonly string[];
  readonly response_id: string | null;
  readonly model: string | null;
  readonly finish_reason: string | null;
}

/** A whole (non-streamed) reply, read. `usage` null when the reply has none or none that is valid. */
export interface ReplyRead {
  readonly valid: boolean;
  readonly usage: Usage | null;
  readonly metered_output: number;
  readonly response_id: string | null;
  readonly model: string | null;
  readonly flags: readonly string[];
}

/** Cuts a byte stream into complete events. Bounded: throws UpstreamFailure `invalid` when one event exceeds its limit. */
export interface EventSplitter {
  push(chunk: Uint8Array): readonly Uint8Array[];
  /** What came after the last complete event, as an event, or null. Ask once the stream has ended without a failure. */
  rest(): Uint8Array | null;
}

/** Where a provider's wire differs from its dialect's documentation. Written in that provider's folder, used by the dialect. */
export interface Quirks {
  /** Field that takes the output cap, where it is not the dialect's own. */
  readonly cap_field?: string;
  /** Refuses `stream_options`; its streams tell their usage all the same, or not at all. */
  readonly no_stream_options?: boolean;
  /** Brings the usage of a reply or of a stream's chunk into the dialect's shape; undefined where it has none. */
  readonly usage?: (reply: Readonly<Record<string, unknown>>) => unknown;
}

/** A wire format: pure functions over bytes, no I/O. */
export interface Dialect {
  readonly name: DialectName;
  /** Throws BursarError `invalid_request` / `parameter_refused` naming the field, on anything that cannot be bounded. */
  read(body: Uint8Array, target?: RequestTarget): ParsedRequest;
  /** The bytes to send: scalars spliced after the first `{` (replacing a present field in place), all else untouched. */
  prepare(request: ParsedRequest, splice: Splice, quirks?: Quirks): Uint8Array;
  splitter(eventBytesMax: number, request?: ParsedRequest): EventSplitter;
  reader(request: ParsedRequest, quirks?: Quirks): StreamReader;
  readReply(body: Uint8Array, quirks?: Quirks): ReplyRead;
  /** An error in the dialect's own shape. */
  refuse(error: BursarError, callId: string): { readonly body: Uint8Array; readonly details: ErrorDetails };
  /** The dialect's error event for a stream that has already begun. */
  errorEvent(error: BursarError, callId: string): Uint8Array;
}

/** What is sent to a provider: the body as prepared; the path follows from dialect and model, never from the client. */
export interface UpstreamRequest {
  readonly dialect: DialectName;
  /** Model name to send; part of the path in some dialects. */
  readonly model: string;
  /** Query string of the client, as it came, without `?` and without credentials; the provider's kind picks from it. */
  readonly query: string;
  readonly body: Uint8Array;
  /** Client headers that this provider's allow-list lets through, lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The client's own credential headers; only a provider with `passthrough` uses them. Secret: never logged. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly stream: boolean;
  readonly framing: "sse" | "json";
}

/** An answer's head; `body` yields chunks as they come and ends, or throws UpstreamFailure. */
export interface UpstreamReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** The body in one piece, in place of reading `body`; rejects with UpstreamFailure `invalid` beyond `bytesMax`. */
  readonly whole?: (bytesMax: number) => Promise<Uint8Array>;
}

/** How an upstream attempt failed before its reply was whole. */
export class UpstreamFailure extends Error {
  /** `connect`: nothing was sent (proof for a void). The others: the outcome is unknown. */
  readonly kind: "connect" | "reset" | "timeout" | "aborted" | "invalid";
  constructor(kind: UpstreamFailure["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UpstreamFailure";
    this.kind = kind;
  }
}

/**
 * A provider that calls can be sent to. It owns the credential; `send` is only reachable inside an admitted attempt.
 */
export interface Upstream {
  readonly name: string;
  readonly simulated: boolean;
  /** Rejects with UpstreamFailure. Aborting `signal` closes the connection at once. */
  send(request: UpstreamRequest, signal: CallSignal): Promise<UpstreamReply>;
  /** Is a complete reply with this status one that the provider does not bill? (its table, with source) */
  unbilled(status: number): boolean;
  /** Client headers (lower case) that may pass, e.g. `anthropic-beta`. Simulated providers also take `x-sim-*`. */
  readonly headers_allowed: (name: string) => boolean;
  readonly quirks?: Quirks;
  /** It has no key of its own: every call brings its client's (`passthrough`). */
  readonly needs_credentials?: boolean;
  /** The operator trusts the cost that this provider tells in its usage (`trust_cost: true`). */
  readonly trusts_cost?: boolean;
}

/** One way to serve a call. */
export interface Candidate {
  readonly upstream: Upstream;
  readonly provider: string;
  /** Model name to send upstream. */
  readonly model: string;
  /** Canonical `provider/model`. */
  readonly canonical: string;
  /** null: the price is unknown. */
  readonly price: PriceRow | null;
  /** Stands in for an unknown price on budgets that say `on_unknown_price: ceiling`. */
  readonly dearest: PriceRow | null;
}

/** Finds who serves a model. Throws BursarError `model_unknown` or `provider_key_missing`. */
export interface Catalog {
  candidates(query: { readonly dialect: DialectName; readonly model: string; readonly at: number }): readonly Candidate[];
}

/** A prompt's size before it is sent. */
export interface EstimatedInput {
  /** Before any safety factor. */
  readonly tokens: number;
  /** Counted by the provider's own tokenizer. */
  readonly exact: boolean;
  /** Most tokens a byte-level tokenizer could make of it. */
  readonly bytes: number;
  /** Kinds of media that nothing but the context window bounds. */
  readonly unbounded: readonly string[];
}

/** Token counts of a prompt before it is sent. Pure and quick; calibrated by the ledger's own history. */
export interface Estimator {
  /** Input tokens, before any safety factor; `exact` when a provider's own tokenizer counted. */
  input(request: ParsedRequest, canonical: string): EstimatedInput;
  /**
   * Counts by the provider's own tokenizer: milliseconds, so only where an estimate with its margin would refuse. Null
   * where no tokenizer is exact for the model or the prompt is too long to count. Absent: never.
   */
  count?(request: ParsedRequest, canonical: string): Promise<EstimatedInput | null>;
}

/** What an agent's settings say about its calls. */
export interface AgentSettings {
  readonly output_default: number;
}

/** Everything run-call needs; assemble.ts connects it. */
export interface CallNeeds {
  readonly clock: Clock;
  readonly newId: () => string;
  readonly ledger: Ledger;
  readonly catalog: Catalog;
  readonly prices: PriceBook;
  readonly estimator: Estimator;
  readonly agent: (name: string) => AgentSettings;
  /** Watching path: metrics and logs. Must not throw; fails open. */
  readonly observe: (event: CallObserved) => void;
  readonly limits: CallLimits;
}

/** Bounds of one call, in milliseconds, bytes and tries. */
export interface CallLimits {
  /** Retries after an unbilled failure (429, 529, connect), each under its own hold. */
  readonly retries_max: number;
  readonly first_byte_ms: number;
  readonly idle_ms: number;
  readonly reply_bytes_max: number;
  readonly event_bytes_max: number;
  /** How long a stream is drained for its usage after the client left. */
  readonly drain_ms: number;
}

/** One thing that happened on the road, for metrics and logs. */
export interface CallObserved {
  readonly kind: "admitted" | "refused" | "posted" | "voided" | "presumed" | "fault";
  readonly call_id: string;
  readonly reason?: string;
  readonly nano?: bigint;
  readonly model?: string;
  readonly agent?: string;
  readonly usage?: Usage;
  readonly overhead_ms?: number;
  readonly error?: unknown;
}
