import fc from "fast-check";
import { expect, test } from "vitest";
import { userAndSession } from "./user-id.js";

const HASH = "ab".repeat(32);
const ACCOUNT = "0b1f2a3c-1111-4222-8333-444455556666";
const SESSION = "9c8b7a6d-aaaa-4bbb-8ccc-ddddeeeeffff";

test.each([
  ["an opaque id is the user", "ada", { user: "ada", session: null }],
  [
    "JSON with an account",
    JSON.stringify({ device_id: HASH, account_uuid: ACCOUNT, session_id: SESSION }),
    { user: ACCOUNT, session: SESSION },
  ],
  [
    "JSON without one is the device",
    JSON.stringify({ device_id: HASH, account_uuid: "", session_id: SESSION }),
    { user: HASH, session: SESSION },
  ],
  ["JSON that names nobody", JSON.stringify({ session_id: SESSION }), { user: null, session: SESSION }],
  ["the older form", `user_${HASH}_account_${ACCOUNT}_session_${SESSION}`, { user: ACCOUNT, session: SESSION }],
  ["the older form without an account", `user_${HASH}_account__session_${SESSION}`, { user: HASH, session: SESSION }],
  ["broken JSON is as opaque as any", '{"device_id":', { user: '{"device_id":', session: null }],
  ["too long to be an id", "x".repeat(257), { user: null, session: null }],
  ["too long to be looked into", JSON.stringify({ device_id: "d", more: "x".repeat(5_000) }), { user: null, session: null }],
  [
    "ids that are no text",
    JSON.stringify({ device_id: 7, account_uuid: { a: 1 }, session_id: [] }),
    { user: null, session: null },
  ],
  ["an id in it that is too long", JSON.stringify({ device_id: "x".repeat(300) }), { user: null, session: null }],
  ["blank", "  ", { user: null, session: null }],
  ["no text", 7, { user: null, session: null }],
])("metadata.user_id: %s", (_, userId, expected) => {
  expect(userAndSession(userId)).toEqual(expected);
});

test("whatever a user id holds, nothing throws, no prototype changes and no JSON becomes a name", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.constant('{"__proto__":{"account_uuid":"x"}}')), (userId) => {
      const { user } = userAndSession(userId);
      if (user !== null) expect(user.length).toBeLessThanOrEqual(256);
    }),
  );
  expect(userAndSession('{"__proto__":{"account_uuid":"x"}}')).toEqual({ user: null, session: null });
  expect(({} as Record<string, unknown>).account_uuid).toBeUndefined();
});
