import type { Books } from "./books.js";
import type { ClientCall } from "./clients.js";

interface Came {
  readonly books: Books;
  readonly calls: readonly ClientCall[];
  readonly refusals: ReadonlyMap<string, number>;
}

/** How often what matters came about in a world: a run that met nothing shows nothing. */
export function whatWasMet({ books, calls, refusals }: Came): Record<string, number> {
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
  for (const { format, dispatches } of calls) {
    if (new Set(dispatches.map(({ script }) => script.model)).size > 1) count(`fell back ${format}`);
    for (const { attempt_id } of dispatches) {
      const outcome = books.attempts.get(attempt_id)?.outcome;
      if (outcome === "end" || outcome === "cut") count(`${outcome} ${format}`);
    }
  }
  for (const [name, refused] of refusals) met[`refused ${name}`] = refused;
  return met;
}
