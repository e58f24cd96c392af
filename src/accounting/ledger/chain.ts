/** The hash before the first entry. */
export const GENESIS_HASH = "0".repeat(64);

/**
 * Hash of an entry: sha256 over the previous hash, a newline and the entry's JSON text as stored. Changing, dropping or
 * swapping any entry changes every hash after it. Pure: the caller brings the hash function (hex in, hex out).
 */
export function chainHash(link: { previous: string; json: string; sha256: (text: string) => string }): string {
  return link.sha256(`${link.previous}\n${link.json}`);
}
