/** Which of OpenAI's service tiers cost more than the standard one. Money path: fails closed — a tier that is not known does. */

/** Source: https://platform.openai.com/docs/pricing (read November 2026); `auto` is what the project has set, `default` unless it is changed. */
const NOT_DEARER: ReadonlySet<string> = new Set(["auto", "default", "flex", "scale", "standard", "batch"]);

/** Does this tier change the price upwards? */
export function isDearerTier(tier: string): boolean {
  return !NOT_DEARER.has(tier);
}
