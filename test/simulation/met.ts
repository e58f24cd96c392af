import type { Books } from "./books.js";

/** How often what matters came about in a world: a run that met nothing shows nothing. */
export function whatWasMet(books: Books, refusals: ReadonlyMap<string, number>): Record<string, number> {
  const met: Record<string, number> = {};
  const count = (name: string): void => {
    met[name] = (met[name] ?? 0) + 1;
  };
  for (const { state, reason, outcome, overrun } of books.attempts.values()) {
    count(state);
    if (reason !== null) count(`presumed for ${reason}`);
    if (outcome !== null) count(`outcome ${outcome}`);
    if (overrun !== null) count(`overrun ${overrun}`);
  }
  for (const [name, refused] of refusals) met[`refused ${name}`] = refused;
  return met;
}
