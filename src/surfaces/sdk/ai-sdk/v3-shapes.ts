/**
 * The parts of the AI SDK's language model specification v3 that Bursar reads (@ai-sdk/provider 3.0, ai 6). Typed by shape:
 * the package is no dependency.
 */

/** JSON-like fields by provider, as the specification hands them on. */
export type ByProvider = Readonly<Record<string, unknown>>;

/** A call as the SDK makes it. */
export interface V3Call {
  readonly prompt: readonly V3Message[];
  readonly maxOutputTokens?: number | undefined;
  readonly tools?: readonly V3Tool[] | undefined;
  readonly responseFormat?: unknown;
  readonly abortSignal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly providerOptions?: ByProvider | undefined;
}

/** One message of the prompt. */
export interface V3Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: unknown;
  readonly providerOptions?: ByProvider | undefined;
}

/** A tool: a function, or one that the provider knows. */
export interface V3Tool {
  readonly type: string;
  readonly name: string;
}

/** Token counts of an answer; totals include their parts. */
export interface V3Usage {
  readonly inputTokens: {
    readonly total: number | undefined;
    readonly noCache: number | undefined;
    readonly cacheRead: number | undefined;
    readonly cacheWrite: number | undefined;
  };
  readonly outputTokens: {
    readonly total: number | undefined;
    readonly text: number | undefined;
    readonly reasoning: number | undefined;
  };
  readonly raw?: unknown;
}

/** Why an answer ended. */
export interface V3FinishReason {
  readonly unified: "stop" | "length" | "content-filter" | "tool-calls" | "error" | "other";
  readonly raw: string | undefined;
}

/** A whole answer. */
export interface V3Generated {
  readonly content: readonly { readonly type: string }[];
  readonly finishReason: V3FinishReason;
  readonly usage: V3Usage;
  readonly providerMetadata?: ByProvider | undefined;
  readonly response?: { readonly id?: string | undefined; readonly modelId?: string | undefined } | undefined;
}

/** A part of a stream. */
export interface V3Part {
  readonly type: string;
}

/** A streamed answer. */
export interface V3Streamed<Part extends V3Part> {
  stream: ReadableStream<Part>;
}

/** A model as a middleware sees it. */
export interface V3Model<Call, Generated, Streamed> {
  readonly provider: string;
  readonly modelId: string;
  doGenerate(call: Call): PromiseLike<Generated>;
  doStream(call: Call): PromiseLike<Streamed>;
}
