/** How fast the simulated model is. */
import type { CallSignal, Clock } from "../../call/needs.js";

/** Time to the first token and tokens a second after it; `tokens_per_second: 0` is as fast as the reader takes it. */
export interface Pace {
  readonly first_token_ms: number;
  readonly tokens_per_second: number;
}

/** The speed of a real model of that kind, in round figures: small models are quicker, the largest slower. */
export function paceOf(model: string): Pace {
  if (/nano|mini|haiku|flash|luna/.test(model)) return { first_token_ms: 300, tokens_per_second: 140 };
  if (/opus|fable|^o\d/.test(model)) return { first_token_ms: 900, tokens_per_second: 50 };
  return { first_token_ms: 400, tokens_per_second: 80 };
}

/** Sleeps shorter than this are left out: the next one makes up for them. */
const QUANTUM_MS = 4;

/** Waits until token number `tokens` of a reply is due; 0 stands for the moment the first token begins. */
export function openPacer(clock: Clock, pace: Pace, signal: CallSignal): { due(tokens: number): Promise<void> | null } {
  const start = clock.monotonic();
  return {
    due(tokens) {
      const { first_token_ms, tokens_per_second } = pace;
      const after = tokens_per_second === 0 ? 0 : (Math.max(0, tokens - 1) * 1000) / tokens_per_second;
      if (first_token_ms + after === 0) return null;
      const ms = start + first_token_ms + after - clock.monotonic();
      return ms < QUANTUM_MS ? null : clock.sleep(ms, signal);
    },
  };
}
