/** Lines for whoever watches a server. Watching path: fails open — a reader that reads nothing costs lines, not memory or time. */
import { failureText } from "./failure.js";

/** Bytes that wait for the reader at most; further lines are dropped until it reads on: 1 MiB. */
export const TOLD_WAITING_MAX = 1_048_576;

/** What is needed of stderr. */
export interface ToldTo {
  write(text: string): unknown;
  readonly writableLength: number;
}

/** Says lines, each with its time; a cause follows on lines of its own. The first line after dropped ones says how many. */
export function openTell(stream: ToldTo): (line: string, cause?: unknown) => void {
  let dropped = 0;
  return (line, cause) => {
    if (stream.writableLength >= TOLD_WAITING_MAX) {
      dropped += 1;
      return;
    }
    const before = dropped === 0 ? "" : `${dropped} lines were dropped: nobody read them.\n`;
    const reason = cause === undefined ? "" : `\n${failureText(cause)}`;
    dropped = 0;
    stream.write(`${before}${new Date().toISOString()} ${line}${reason}\n`);
  };
}
