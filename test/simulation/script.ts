/**
 * What the simulated provider does with one request: how much it produces, how its bytes are cut and when they come, and
 * how it ends. It keeps its own bill, from its own price table, in whole nano-dollars.
 */
import type { Operations } from "./operations.js";
import type { Random } from "./random.js";
import type { Tokens, UsageJson, Wire } from "./wires.js";

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
  "claude-sonnet-4-5": [3_000n, 300n, 15_000n],
  "claude-haiku-4-5": [1_000n, 100n, 5_000n],
  "gemini-2.0-flash": [100n, 25n, 400n],
  "gemini-2.0-flash-lite": [75n, 75n, 300n],
  "gemini-2.5-flash": [300n, 30n, 2_500n],
  mystery: [900n, 900n, 3_000n],
};

export function billOf(model: string, tokens: Tokens): bigint {
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
  /** A stream was asked for. */
  readonly stream: boolean;
  /** Output cap that was sent; `cap_ignored`: more than it is produced. */
  readonly cap: number;
  readonly cap_ignored: boolean;
  /** The input counts for more than any estimate of it. */
  readonly surprising: boolean;
}

export interface Asked {
  readonly wire: Wire;
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
const SAID = Array.from({ length: 201 }, (_, count) => `${WORDS.slice(0, count).join(" ")} `);
const words = (count: number): string => SAID[count] as string;
/** Most output tokens in one event; a real one carries a handful. */
const EVENT_TOKENS_MAX = 200;

/** Bytes of pieces that are alike, made once. */
const made = new Map<string, Buffer>();

function wordsOf(wire: Wire, of: { model: string; tokens: number; usage: UsageJson | null }): Buffer {
  const { model, tokens, usage } = of;
  if (usage !== null) return Buffer.from(wire.words(model, words(tokens), usage));
  const key = `${wire.dialect.name}:${model}:${tokens}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const fresh = Buffer.from(wire.words(model, words(tokens), null));
  made.set(key, fresh);
  return fresh;
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
  readonly operations: Operations;
}

/** What an answer is made of. */
interface Answer extends Tokens {
  readonly wire: Wire;
  readonly model: string;
}

class Writer implements Scripts {
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

  /** Does a provider do this wrong now? */
  private wrong(probability: number): boolean {
    const happens = this.options.random.chance(probability);
    if (happens) this.options.operations.fault += 1;
    return happens;
  }

  /** What is told at the end of an answer: the truth, a lie, or nothing. */
  private told(answer: Answer, faults: ProviderFaults): { usage: UsageJson | null; lying: boolean } {
    const truth = answer.wire.usage(answer);
    if (this.wrong(faults.no_usage)) return { usage: null, lying: false };
    // Where nothing was said an output of 0 is no lie, and others tell no lie of the input alone.
    const lying = answer.output > 0 && this.wrong(faults.lying_usage);
    return { usage: lying ? this.options.random.pick(answer.wire.lies(truth)) : truth, lying };
  }

  /** Events as a stream, each told to be so many tokens; the usage in the way that was drawn. */
  private streamPieces(answer: Answer, faults: ProviderFaults): Piece[] {
    const { random } = this.options;
    const { wire, model, fresh, cached, output } = answer;
    const { usage, lying } = this.told(answer, faults);
    const cumulative = usage !== null && random.chance(0.3);
    const plain = (text: string): Piece => ({ bytes: Buffer.from(text), tokens: 0, tells: false });
    const opening = usage === null ? null : wire.usage({ fresh, cached, output: 0 });
    const pieces: Piece[] = wire.opening(model, opening).map(plain);
    let said = "";
    let told = 0;
    for (const tokens of this.sizes(output)) {
      told += tokens;
      said += words(tokens);
      const so_far = cumulative ? wire.usage({ fresh, cached, output: told }) : null;
      pieces.push({ bytes: wordsOf(wire, { model, tokens, usage: so_far }), tokens, tells: false });
    }
    if (this.wrong(faults.error_event)) {
      pieces.splice(random.between(0, pieces.length - 1));
      pieces.push(plain(wire.error(model)));
      return pieces;
    }
    for (const text of wire.closing(model, said, usage)) {
      const tells = usage !== null && !lying && Object.keys(usage).some((name) => text.includes(`"${name}"`));
      pieces.push({ bytes: Buffer.from(text), tokens: 0, tells });
      // A duplicate says the same again: cumulative numbers are not added up.
      if (tells && wire.dialect.name === "openai-chat" && random.chance(0.2)) pieces.push(pieces.at(-1) as Piece);
    }
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

  private wholePieces(answer: Answer, faults: ProviderFaults): Piece[] {
    const { wire, model, output } = answer;
    if (this.wrong(faults.not_json)) return [{ bytes: Buffer.from("<html>gateway</html>"), tokens: output, tells: false }];
    const { usage, lying } = this.told(answer, faults);
    const text = this.sizes(output).map(words).join("");
    const bytes = Buffer.from(JSON.stringify(wire.whole(model, text, usage)));
    return [{ bytes, tokens: output, tells: usage !== null && !lying }];
  }

  write(asked: Asked): Script {
    const { random, inputRatio, operations } = this.options;
    const { model, stream, cap, estimated } = asked;
    const faults = this.options.faults();
    const surprising = this.wrong(faults.surprising_input);
    const prompt = Math.max(2, Math.floor(estimated * inputRatio * (surprising ? 1 + random.next() * 2 : 1)));
    const cached = random.chance(0.3) ? random.between(0, prompt - 1) : 0;
    const headMs = this.wait(faults.slow);
    const fresh = prompt - cached;
    const base = { model, fresh, cached, headMs, stream, cap, surprising, cap_ignored: false, hidden: 0 };
    const refused = (status: number, bills: boolean, headers: Record<string, string> = {}): Script => {
      const bytes = Buffer.from('{"error":{"message":"no","type":"server_error"}}');
      const fragments = [{ bytes, tokens: 0, waitMs: 1, tells: false }];
      return { ...base, status, headers: { "content-type": "application/json", ...headers }, fragments, end: "done", bills };
    };
    if (this.wrong(faults.connect)) return { ...base, status: 0, headers: {}, fragments: [], end: "connect", bills: false };
    if (this.wrong(faults.silent)) {
      // Of a stream no more than its first slice can be on its way unseen.
      const hidden = Math.min(cap, stream ? UNSEEN_MAX : this.outputWanted());
      return { ...base, status: 0, headers: {}, fragments: [], end: "silent", bills: random.chance(0.5), hidden };
    }
    if (this.wrong(faults.unbilled_status)) {
      return refused(random.pick([429, 503, 400, 529]), false, random.chance(0.5) ? { "retry-after": "1" } : {});
    }
    if (this.wrong(faults.server_error)) return refused(500, random.chance(0.5));
    const cap_ignored = this.wrong(faults.cap_ignored);
    const wanted = cap_ignored ? cap + random.between(1, 400) : Math.min(cap, this.outputWanted());
    // A stream is now and then answered whole, with another type.
    const streams = stream && !this.wrong(faults.not_json);
    const output = wanted;
    const answer = { wire: asked.wire, model, fresh, cached, output };
    const pieces = streams ? this.streamPieces(answer, faults) : this.wholePieces(answer, faults);
    const fragments = streams
      ? this.fragmented(pieces, faults.slow)
      : pieces.map((piece) => ({ ...piece, waitMs: this.wait(faults.slow) }));
    const end = random.chance(faults.reset) ? "reset" : random.chance(faults.hang) ? "hang" : "done";
    if (end !== "done") operations.fault += 1;
    const kept = end === "done" ? fragments : fragments.slice(0, random.between(0, fragments.length - 1));
    const hidden = streams || end === "done" ? 0 : output;
    const type = streams ? "text/event-stream; charset=utf-8" : "application/json";
    return { ...base, status: 200, headers: { "content-type": type }, fragments: kept, end, bills: true, cap_ignored, hidden };
  }
}

export function openScripts(options: ScriptOptions): Scripts {
  return new Writer(options);
}
