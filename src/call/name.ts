import { BursarError } from "../accounting/errors.js";

/** Longest name, in characters; longer ones are refused, not cut. */
const NAME_MAX = 256;

/** A name as a claim gives it: trimmed, 1 to 256 characters, no control characters. Throws `invalid_request`. */
export function readName(value: string, what: string): string {
  const name = value.trim().toWellFormed();
  if (name.length === 0) throw new BursarError("invalid_request", `The ${what} is empty; leave it out or give it a name.`);
  if (name.length > NAME_MAX) {
    throw new BursarError("invalid_request", `The ${what} has ${name.length} characters; at most ${NAME_MAX} are accepted.`);
  }
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    // U+2028 and U+2029 end a line for whoever reads logs as JavaScript does.
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 || code === 0x2029) {
      throw new BursarError("invalid_request", `The ${what} contains a control character (code ${code}); remove it.`);
    }
  }
  return name;
}
