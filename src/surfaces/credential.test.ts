import { expect, test } from "vitest";
import type { KeyIdentity } from "../call/identify.js";
import { admit, SECRET_HEADERS } from "./credential.js";

const KEYS: ReadonlyMap<string, KeyIdentity> = new Map(
  ["key-a", "key-b"].map((token) => [token, { name: token, trusts_attribution: true }]),
);
const ask = (headers: Record<string, string | string[]>, queryKey?: string) =>
  admit({ headers, queryKey, identify: (token) => KEYS.get(token) ?? null });

test.each([
  ["Authorization", { authorization: "Bearer key-a" }],
  ["Authorization in lower case", { authorization: "bearer  key-a" }],
  ["x-api-key", { "x-api-key": "key-a" }],
  ["x-goog-api-key", { "x-goog-api-key": " key-a " }],
  ["api-key", { "api-key": "key-a" }],
  ["x-bursar-key", { "x-bursar-key": "key-a" }],
  ["x-bursar-key as Bearer", { "x-bursar-key": "Bearer key-a" }],
  ["another than the first", { authorization: "Bearer of-nobody", "x-api-key": "key-a" }],
])("a key is found in %s", (_, headers) => {
  expect(ask(headers)?.key.name).toBe("key-a");
});

test("Gemini's ?key= is looked at last, and not at all beside x-bursar-key", () => {
  expect(ask({}, "key-a")?.key.name).toBe("key-a");
  expect(ask({ authorization: "Bearer key-b" }, "key-a")?.key.name).toBe("key-b");
  expect(ask({ "x-bursar-key": "of-nobody" }, "key-a")).toBeNull();
});

test.each([
  ["nothing", {}],
  ["an unknown key", { authorization: "Bearer of-nobody" }],
  ["another scheme", { authorization: "Basic key-a" }],
  ["a bare token as Authorization", { authorization: "key-a" }],
  ["a blank key", { "x-bursar-key": " ", authorization: "Bearer key-a" }],
  ["a key beyond its length", { "x-api-key": "x".repeat(5_000) }],
  ["a header that came twice as a list", { "x-api-key": ["key-a", "key-b"] }],
])("%s opens nothing", (_, headers) => {
  expect(ask(headers)).toBeNull();
});

test("the client's credentials are what is no key of Bursar, and an account alone is none", () => {
  const headers = { "x-bursar-key": "key-a", authorization: "Bearer own", "x-api-key": "key-b", "chatgpt-account-id": "acc" };
  expect(ask(headers)?.credentials).toEqual({ authorization: "Bearer own", "chatgpt-account-id": "acc" });
  expect(ask({ "x-bursar-key": "key-a", "chatgpt-account-id": "acc" })?.credentials).toEqual({});
  expect(ask({ authorization: "Bearer key-a" })?.credentials).toEqual({});
});

test("a key of Bursar is no credential of the client's, by whatever scheme it is written", () => {
  const basic = Buffer.from("anybody:key-b").toString("base64");
  for (const authorization of ["key-a", "Token key-a", "Bearer key-a, Bearer key-b", `Basic ${basic}`])
    expect(ask({ "x-bursar-key": "key-a", authorization })?.credentials, authorization).toEqual({});
  expect(ask({ "x-bursar-key": "key-a", "x-api-key": "Bearer key-b" })?.credentials).toEqual({});
  expect(ask({ "x-bursar-key": "key-a", authorization: "Basic b2Y6bm9ib2R5" })?.credentials).not.toEqual({});
});

test("every header that can carry a credential is secret", () => {
  for (const name of ["x-bursar-key", "authorization", "x-api-key", "x-goog-api-key", "api-key", "chatgpt-account-id", "cookie"])
    expect(SECRET_HEADERS.has(name), name).toBe(true);
});
