import fc from "fast-check";
import { expect, test } from "vitest";
import { EMPTY_DIGEST, openDigest } from "./state-rows.js";

const row = fc.record({ kind: fc.constantFrom("accounts", "holds"), key: fc.string(), json: fc.json() });

test("the digest of what is left is the same whatever came and went before, in whatever order", () => {
  fc.assert(
    fc.property(fc.array(row), fc.array(row), (kept, gone) => {
      const straight = openDigest();
      for (const one of kept) straight.add(one);
      const first = openDigest();
      for (const one of [...gone, ...kept]) first.add(one);
      const second = openDigest(first.hex());
      for (const one of [...gone].reverse()) second.take(one);
      expect(second.hex()).toBe(straight.hex());
      expect(second.hex() === EMPTY_DIGEST).toBe(kept.length === 0);
    }),
  );
});

test("a changed balance, a changed key and a missing row each give another digest", () => {
  const rows = [
    { kind: "accounts", key: "a", json: '{"used":"1"}' },
    { kind: "accounts", key: "b", json: '{"used":"2"}' },
  ];
  const digestOf = (list: typeof rows): string => {
    const digest = openDigest();
    for (const one of list) digest.add(one);
    return digest.hex();
  };
  const swapped = rows.map((one, at) => ({ ...one, json: rows[1 - at]?.json ?? "" }));
  const dropped = rows.slice(1);
  const changed = rows.map((one) => ({ ...one, json: one.json.replace("1", "0") }));
  expect(new Set([rows, swapped, dropped, changed].map(digestOf)).size).toBe(4);
});
