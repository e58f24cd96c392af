// A credential that cannot be printed by accident: logs, JSON, errors and inspection show `[redacted]`.
import { inspect } from "node:util";

const HIDDEN = "[redacted]";

/** A credential. Only `reveal()` gives its text; every other way of looking at it shows `[redacted]`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Call it where the credential is used, never to keep or to show it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
