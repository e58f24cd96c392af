/**
 * What the simulated provider does with one request: how much it produces, how its bytes are cut and when they come, and
 * how it ends. It keeps its own bill, from its own price table, in whole nano-dollars.
 */
import type { Random } from "./random.js";

/** Faults of providers; probabilities per request. */
export interface ProviderFaults {
  readonly connect: number;
  readonly unbilled_status: number;
  readonly server_error: number;
  readonly silent: number;
  readonly reset: number;
  readonly hang: number;
  readonly error_event: number;
  readonly no_usage: number;
  readonly lying_usage: number;
  readonly cap_ignored: number;
  readonly not_json: number;
  /** The prompt counts for more than any estimate of it. */
  readonly surprising_input: number;
  readonly slow: number;
}

/** Nano-dollars per token: fresh input, cached input, output. Hand-written from the published prices of November 2026. */
const PRICES: Readonly<Record<string, readonly [bigint, bigint, bigint]>> = {
  "gpt-4o": [2_500n, 1_250n, 10_000n],
  "gpt-4o-mini": [150n, 75n, 600n],
  mystery: [900n, 900n, 3_000n],
};

export function billOf(model: string, tokens: { fresh: number; cached: number; output: number }): bigint {
  const [fresh, cached, output] = PRICES[model] as readonly [bigint, bigint, bigint];
  return BigInt(tokens.fresh) * fresh + BigInt(tokens.cached) * cached + BigInt(tokens.output) * output;
}

/** Bytes that come together. */
export interface Fragment {
  readonly bytes: Uint8Array;
  /** Output tokens that are produced for it. */
  readonly tokens: number;
  readonly waitMs: number;
  /** With it the bill has been told. */
  readonly tells: boolean;
}

export interface Script {
  readonly model: string;
  readonly fresh: number;
  readonly cached: number;
  readonly headMs: number;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly fragments: readonly Fragment[];
  /** What comes in the place of an answer, or after its last fragment. */
  readonly end: "done" | "reset" | "hang" | "connect" | "silent";
  readonly bills: boolean;
  /** Output tokens that are produced although nothing of them ever comes. */
  readonly hidden: number;
  readonly cap_ignored: boolean;
  readonly surprising: boolean;
}

export interface Asked {
  readonly model: string;
  readonly stream: boolean;
  /** The output cap that was sent. */
  readonly cap: number;
  /** Input tokens as estimated before they were sent. */
  readonly estimated: number;
}

const WORDS = "time person year way day thing man world life hand part child eye woman place work week case point company "
  .repeat(12)
  .split(" ");
const words = (count: number): string => `${WORDS.slice(0, count).join(" ")} `;
/** Most output tokens in one event; a real one carries a handful. */
const EVENT_TOKENS_MAX = 200;

function openChunks() {
  const kept = new Map<string, Buffer>();
  return (model: string, tokens: number): Buffer => {
    const key = `${model}:${tokens}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const fresh = event(model, { choices: [{ index: 0, delta: { content: words(tokens) }, finish_reason: null }] });
    kept.set(key, fresh);
    return fresh;
  };
}

function event(model: string, over: object): Buffer {
  const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model };
  return Buffer.from(`data: ${JSON.stringify({ ...head, choices: [], ...over })}\n\n`);
}

const DONE = Buffer.from("data: [DONE]\n\n");

function usageOf(fresh: number, cached: number, output: number) {
  const prompt_tokens = fresh + cached;
  const prompt_tokens_details = { cached_tokens: cached };
  return { prompt_tokens, completion_tokens: output, total_tokens: prompt_tokens + output, prompt_tokens_details };
}

/** Usage that cannot be: no bill may be read out of it. */
function lie(random: Random, truth: ReturnType<typeof usageOf>): object {
  return random.pick<object>([
    { ...truth, completion_tokens: -5 },
    { ...truth, completion_tokens: "12" },
    { ...truth, completion_tokens: 1.5 },
    { ...truth, prompt_tokens: 0 },
    { ...truth, completion_tokens: 2 ** 60 },
    { ...truth, completion_tokens: null },
  ]);
}

/** Output of a stream that can be produced without a byte of it seen. */
const UNSEEN_MAX = 1_000;

export interface Scripts {
  write(asked: Asked): Script;
}

type Piece = Omit<Fragment, "waitMs">;

export interface ScriptOptions {
  readonly random: Random;
  readonly faults: () => ProviderFaults;
  /** The provider's own count of a prompt, as a share of the estimate. */
  readonly inputRatio: number;
  /** Share of answers that need more than the first slice. */
  readonly long: number;
}

class Writer implements Scripts {
  private readonly chunk = openChunks();

  constructor(private readonly options: ScriptOptions) {}

  private outputWanted(): number {
    const { random } = this.options;
    if (random.chance(this.options.long)) return random.between(900, 3_500);
    return random.chance(0.7) ? random.between(1, 40) : random.between(40, 600);
  }

  private sizes(total: number): number[] {
    const { random } = this.options;
    const most = Math.min(EVENT_TOKENS_MAX, Math.max(4, Math.ceil(total / random.between(3, 20))));
    const found: number[] = [];
    for (let left = total; left > 0; ) {
      const size = Math.min(left, random.between(1, most));
      found.push(size);
      left -= size;
    }
    return found;
  }

  private wait(slow: number): number {
    const { random } = this.options;
    return random.chance(slow) ? random.between(100, 4_000) : random.next() * 40;
  }

  /** Events as a stream, each told to be so many tokens; the usage in the way that was drawn. */
  private streamPieces(of: { model: string; fresh: number; cached: number; output: number }, faults: ProviderFaults): Piece[] {
    const { random } = this.options;
    const { model, fresh, cached, output } = of;
    const cumulative = random.chance(0.3);
    const silent = random.chance(faults.no_usage);
    const lying = !silent && random.chance(faults.lying_usage);
    const pieces: Piece[] = [];
    let told = 0;
    for (const tokens of this.sizes(output)) {
      told += tokens;
      const content = words(tokens);
      const bytes =
        cumulative && !silent
          ? event(model, {
              choices: [{ index: 0, delta: { content }, finish_reason: null }],
              usage: usageOf(fresh, cached, told),
            })
          : this.chunk(model, tokens);
      pieces.push({ bytes, tokens, tells: false });
    }
    pieces.push({ bytes: event(model, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }), tokens: 0, tells: false });
    if (random.chance(faults.error_event)) {
      pieces.splice(random.between(0, pieces.length - 1));
      pieces.push({ bytes: event(model, { error: { message: "overloaded", type: "server_error" } }), tokens: 0, tells: false });
      return pieces;
    }
    const truth = usageOf(fresh, cached, output);
    const last = { bytes: event(model, { usage: lying ? lie(random, truth) : truth }), tokens: 0, tells: !lying };
    // A duplicate says the same again: cumulative numbers are not added up.
    if (!silent) pieces.push(last, ...(random.chance(0.2) ? [last] : []));
    pieces.push({ bytes: DONE, tokens: 0, tells: false });
    return pieces;
  }

  /** Network packets: some events come together, some in two parts. */
  private fragmented(pieces: readonly Piece[], slow: number): Fragment[] {
    const { random } = this.options;
    const fragments: Fragment[] = [];
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index] as Piece;
      const next = pieces[index + 1];
      if (next !== undefined && piece.tokens + next.tokens <= EVENT_TOKENS_MAX && random.chance(0.3)) {
        const tells = piece.tells || next.tells;
        fragments.push({
          bytes: Buffer.concat([piece.bytes, next.bytes]),
          tokens: piece.tokens + next.tokens,
          tells,
          waitMs: this.wait(slow),
        });
        index += 1;
      } else if (random.chance(0.1)) {
        const at = random.between(1, piece.bytes.byteLength - 1);
        fragments.push({ bytes: piece.bytes.subarray(0, at), tokens: piece.tokens, tells: false, waitMs: this.wait(slow) });
        fragments.push({ bytes: piece.bytes.subarray(at), tokens: 0, tells: piece.tells, waitMs: this.wait(slow) });
      } else fragments.push({ ...piece, waitMs: this.wait(slow) });
    }
    return fragments;
  }

  private wholePieces(of: { model: string; fresh: number; cached: number; output: number }, faults: ProviderFaults): Piece[] {
    const { random } = this.options;
    const { model, fresh, cached, output } = of;
    if (random.chance(faults.not_json)) return [{ bytes: Buffer.from("<html>gateway</html>"), tokens: output, tells: false }];
    const truth = usageOf(fresh, cached, output);
    const silent = random.chance(faults.no_usage);
    const lying = !silent && random.chance(faults.lying_usage);
    const message = { role: "assistant", content: Array.from(this.sizes(output), words).join("") };
    const reply = {
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1,
      model,
      choices: [{ index: 0, message, finish_reason: "stop" }],
    };
    const body = silent ? reply : { ...reply, usage: lying ? lie(random, truth) : truth };
    return [{ bytes: Buffer.from(JSON.stringify(body)), tokens: output, tells: !silent && !lying }];
  }

  write({ model, stream, cap, estimated }: Asked): Script {
    const { random, inputRatio } = this.options;
    const faults = this.options.faults();
    const surprising = random.chance(faults.surprising_input);
    const prompt = Math.max(2, Math.floor(estimated * inputRatio * (surprising ? 1 + random.next() * 2 : 1)));
    const cached = random.chance(0.3) ? random.between(0, prompt - 1) : 0;
    const base = {
      model,
      fresh: prompt - cached,
      cached,
      headMs: this.wait(faults.slow),
      surprising,
      cap_ignored: false,
      hidden: 0,
    };
    const refused = (status: number, bills: boolean, headers: Record<string, string> = {}): Script => {
      const bytes = Buffer.from('{"error":{"message":"no","type":"server_error"}}');
      const fragments = [{ bytes, tokens: 0, waitMs: 1, tells: false }];
      return { ...base, status, headers: { "content-type": "application/json", ...headers }, fragments, end: "done", bills };
    };
    if (random.chance(faults.connect)) return { ...base, status: 0, headers: {}, fragments: [], end: "connect", bills: false };
    if (random.chance(faults.silent)) {
      // Of a stream no more than its first slice can be on its way unseen.
      const hidden = Math.min(cap, stream ? UNSEEN_MAX : this.outputWanted());
      return { ...base, status: 0, headers: {}, fragments: [], end: "silent", bills: random.chance(0.5), hidden };
    }
    if (random.chance(faults.unbilled_status)) {
      return refused(random.pick([429, 503, 400, 529]), false, random.chance(0.5) ? { "retry-after": "1" } : {});
    }
    if (random.chance(faults.server_error)) return refused(500, random.chance(0.5));
    const cap_ignored = random.chance(faults.cap_ignored);
    const wanted = cap_ignored ? cap + random.between(1, 400) : Math.min(cap, this.outputWanted());
    // A stream is now and then answered whole, with another type. What is produced of it unseen is within a slice.
    const streams = stream && !random.chance(faults.not_json);
    const output = stream && !streams ? Math.min(wanted, UNSEEN_MAX) : wanted;
    const of = { model, fresh: base.fresh, cached, output };
    const pieces = streams ? this.streamPieces(of, faults) : this.wholePieces(of, faults);
    const fragments = streams
      ? this.fragmented(pieces, faults.slow)
      : pieces.map((piece) => ({ ...piece, waitMs: this.wait(faults.slow) }));
    const end = random.chance(faults.reset) ? "reset" : random.chance(faults.hang) ? "hang" : "done";
    const kept = end === "done" ? fragments : fragments.slice(0, random.between(0, fragments.length - 1));
    const hidden = streams || end === "done" ? 0 : output;
    const type = streams ? "text/event-stream; charset=utf-8" : "application/json";
    return { ...base, status: 200, headers: { "content-type": type }, fragments: kept, end, bills: true, cap_ignored, hidden };
  }
}

export function openScripts(options: ScriptOptions): Scripts {
  return new Writer(options);
}
