import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { openTell, TOLD_WAITING_MAX } from "./tell.js";

test("K4: a reader of stderr that reads nothing costs bounded memory, and hears later how many lines it missed", async () => {
  let release: () => void = () => undefined;
  const read: string[] = [];
  const stderr = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      read.push(text);
      release = done;
    },
  });
  const tell = openTell(stderr);
  for (let n = 0; n < 10_000; n++) tell(`Call c${n}: fault`, new Error("x".repeat(1_000)));
  expect(stderr.writableLength).toBeLessThan(TOLD_WAITING_MAX + 4_096);
  while (stderr.writableLength > 0) {
    release();
    await new Promise((resolve) => setImmediate(resolve));
  }
  tell("Reads again.");
  const said = read.length;
  expect(said).toBeLessThan(10_000);
  expect(read.at(-1)).toMatch(new RegExp(`^${10_000 - (said - 1)} lines were dropped: nobody read them\\.\n.*Reads again\\.\n$`));
});
