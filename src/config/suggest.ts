/** Levenshtein distance of two words of at most 64 characters each. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const plain = (word: string): string => word.toLowerCase().replace(/[-_\s]/g, "");

/**
 * The word of `known` that a misspelled one most likely means, or null. Case, dashes and underscores do not count; two
 * letters, of longer words a third, may be wrong.
 */
export function closest(word: string, known: readonly string[]): string | null {
  const typed = plain(word).slice(0, 64);
  let best: { readonly name: string; readonly far: number } | null = null;
  for (const name of known) {
    const far = distance(typed, plain(name).slice(0, 64));
    const allowed = Math.max(typed.length < 4 ? 1 : 2, Math.floor(Math.min(typed.length, name.length) / 3));
    if (far <= allowed && (best === null || far < best.far)) best = { name, far };
  }
  return best?.name ?? null;
}
