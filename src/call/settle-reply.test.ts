import { expect, test } from "vitest";
import { UpstreamFailure } from "./needs.js";
import { errorOfFailure } from "./settle-reply.js";

test.each([
  ["terminated", "openai: terminated. Its cost is counted in full until it is known."],
  [
    "The connection broke (ECONNRESET).",
    "openai: The connection broke (ECONNRESET). Its cost is counted in full until it is known.",
  ],
])("what broke, %j, is a sentence of its own in the error", (said, message) => {
  expect(errorOfFailure(new UpstreamFailure("reset", said), "openai").message).toBe(message);
});
