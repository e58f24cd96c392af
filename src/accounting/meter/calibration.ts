/**
 * How far estimates of a model's input are off, learned from what the provider counted. Folded from the log, so it is
 * pure and uses only + − × ÷, which give the same bits everywhere. Money path: fails closed — bounded, so that no reply
 * can talk the next holds down.
 */

/** Learned per model: provider's input tokens ÷ estimated input tokens, over this many replies. */
export interface Learned {
  readonly ratio: number;
  readonly samples: number;
}

/** Replies before the ratio is used: fewer could all be of one odd prompt. */
export const CALIBRATION_SAMPLES_MIN = 5;
/** Bounds of the ratio as used. Beyond a factor of two the estimate is not off, it is of something else. */
export const CALIBRATION_MIN = 0.5;
/** See CALIBRATION_MIN. */
export const CALIBRATION_MAX = 2;

// A plain mean at first, then the last ~20 replies count: models change their tokenizers, agents their prompts.
const MEMORY = 20;
// One reply counts as at most this many times the ratio so far (or its inverse): a cached file or a lost prompt is not a trend.
const OUTLIER = 2;
const SAMPLE_MIN = 0.25;
const SAMPLE_MAX = 4;
const SAMPLES_CAP = 1_000_000;
const DIGITS = 1e6;

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/**
 * The ratio after one more reply: a mean of the first 20, a moving one of weight 1/20 after. `estimated` and `actual` are
 * input tokens; a reply without either teaches nothing and leaves `previous` (or 1 over 0 samples) as it was.
 */
export function learn(previous: Learned | undefined, estimated: number, actual: number): Learned {
  const before = previous ?? { ratio: 1, samples: 0 };
  if (!Number.isFinite(estimated) || !Number.isFinite(actual) || estimated <= 0 || actual <= 0) return before;
  let sample = clamp(actual / estimated, SAMPLE_MIN, SAMPLE_MAX);
  if (before.samples >= CALIBRATION_SAMPLES_MIN) sample = clamp(sample, before.ratio / OUTLIER, before.ratio * OUTLIER);
  const ratio = before.ratio + (sample - before.ratio) / Math.min(before.samples + 1, MEMORY);
  return { ratio: Math.round(ratio * DIGITS) / DIGITS, samples: Math.min(before.samples + 1, SAMPLES_CAP) };
}

/** The factor to use on an estimate: 1 until enough replies were seen, then the ratio within its bounds. */
export function correction(learned: Learned | null | undefined): number {
  if (learned === null || learned === undefined || learned.samples < CALIBRATION_SAMPLES_MIN) return 1;
  return Number.isFinite(learned.ratio) ? clamp(learned.ratio, CALIBRATION_MIN, CALIBRATION_MAX) : 1;
}

// A metered answer is within 10 % of the learned ratio in nine of ten, and a short one within a few tokens.
const METERED_MARGIN = 1.1;
const METERED_SLACK = 8;

/**
 * Output tokens to count for a stream that did not tell its usage, from those metered: the learned ratio with a margin,
 * so that it errs upwards. Before enough answers were seen the ratio is taken at its bound.
 */
export function outputFromMeter(metered: number, learned: Learned | null | undefined): number {
  const known = learned !== null && learned !== undefined && learned.samples >= CALIBRATION_SAMPLES_MIN;
  const factor = known ? correction(learned) * METERED_MARGIN : CALIBRATION_MAX;
  return metered <= 0 ? 0 : Math.ceil(metered * factor) + METERED_SLACK;
}
