import fc from "fast-check";
import { expect, test } from "vitest";
import { attributionOf, openCallers } from "./caller.js";
import { carriesClaim } from "./claim-headers.js";
import { type AttributionClaims, identify, type KeyIdentity } from "./identify.js";
import type { ParsedRequest } from "./message.js";

const trusted: KeyIdentity = { name: "platform", team: "platform", trusts_attribution: true };
const fixed: KeyIdentity = { name: "cx", team: "cx", agent: "support-bot", trusts_attribution: false };

/** Of a parsed request only what its body says of its caller is looked at. */
function body(of: Partial<Pick<ParsedRequest, "body_user" | "body_session" | "body_tags">> = {}): ParsedRequest {
  return { body_user: null, body_session: null, body_tags: {}, ...of } as ParsedRequest;
}

function outcome<Result>(run: () => Result): Result | string {
  try {
    return run();
  } catch (error) {
    return String(error);
  }
}

test("a caller is who identify says, the first time and every time after, whatever was remembered of others", () => {
  const callers = openCallers();
  const text = fc.oneof(fc.constantFrom("a", "b", "a b", "1", "claude-cli/2.1", "codex_cli", '{"_user":"ann"}'), fc.string());
  const names = ["user-agent", "originator", "baggage", "traceparent", "session-id", "x-bursar-agent", "x-bursar-task"];
  const more = ["x-bursar-step", "x-bursar-tags", "x-portkey-metadata", "helicone-property-a", "x-claude-code-agent-id"];
  const headers = fc.dictionary(fc.constantFrom(...names, ...more, "x-codex-turn-metadata", "x-request-id", "host"), text);
  const said = fc.record({
    key: fc.constantFrom(trusted, fixed),
    headers,
    path_agent: fc.option(text, { nil: undefined }),
    body_user: fc.option(text),
    body_session: fc.option(text),
    body_tags: fc.dictionary(fc.constantFrom("x", "y"), text, { maxKeys: 1 }),
  });
  fc.assert(
    fc.property(said, ({ key, headers, path_agent, ...inBody }) => {
      const agent = path_agent === undefined ? {} : { path_agent };
      const claims: AttributionClaims = { headers, ...agent, ...inBody };
      const expected = outcome(() => identify(key, claims));
      for (let time = 0; time < 2; time++) {
        expect(outcome(() => callers.of({ key, headers, ...agent }, body(inBody)).identified)).toEqual(expected);
      }
    }),
    { numRuns: 2_000, seed: Number(process.env.SEED ?? 20_261_124) },
  );
});

test("the same words are the same caller, and one frozen attribution for each model", () => {
  const callers = openCallers();
  const headers = { "x-bursar-agent": "a", "x-request-id": "1" };
  const first = callers.of({ key: trusted, headers }, body());
  const again = callers.of({ key: trusted, headers: { ...headers, "x-request-id": "2" } }, body());
  expect(again).toBe(first);
  expect(attributionOf(again, "openai/gpt-4o")).toBe(attributionOf(first, "openai/gpt-4o"));
  expect(Object.isFrozen(attributionOf(first, "openai/gpt-4o"))).toBe(true);
  expect(attributionOf(first, "openai/gpt-4o-mini").model).toBe("openai/gpt-4o-mini");
});

test("what is another thing with every call is read every time: it would only fill the memory", () => {
  const callers = openCallers();
  const of = (headers: Record<string, string>) => callers.of({ key: trusted, headers }, body());
  expect(of({ "x-bursar-step": "1" })).not.toBe(of({ "x-bursar-step": "1" }));
  expect(of({ "x-bursar-step": "2" }).identified.caller).toMatchObject({ step: 2 });
  expect(of({ "x-bursar-step": "3" }).identified.caller).toMatchObject({ step: 3 });
});

test("another key with the same words is another caller, and a name that runs into the next is not the same name", () => {
  const callers = openCallers();
  const headers = { "x-bursar-agent": "a" };
  const one = callers.of({ key: trusted, headers }, body());
  expect(callers.of({ key: { ...trusted, team: "other" }, headers }, body()).identified.caller.team).toBe("other");
  expect(callers.of({ key: trusted, headers, path_agent: "b" }, body({ body_user: "c" }))).not.toBe(
    callers.of({ key: trusted, headers, path_agent: "bc" }, body()),
  );
  expect(one.identified.caller.team).toBe("platform");
});

test("credentials are no claim: none of them is ever part of what is remembered", () => {
  for (const name of ["authorization", "x-api-key", "x-bursar-key", "cookie", "idempotency-key"]) {
    expect(carriesClaim(name), name).toBe(false);
  }
});
