// Case J8 of the adversarial list: bodies and files that try to reach what is behind an object, or to be another number.
import { expect, test } from "vitest";
import { readConfig } from "../../src/config/read-config.js";
import { budget } from "../ledger-fixtures.js";
import { consume, openSimulatedRoad } from "../simulated-road.js";

const MESSAGES = '"messages":[{"role":"user","content":"hi"}]';

/** Every key that is reachable from a fresh object although nobody put it there. */
function pollution(): string[] {
  const found: string[] = [];
  for (const key in {}) found.push(key);
  for (const name of ["admin", "isAdmin", "polluted", "limit", "free"]) if (name in {} || name in []) found.push(name);
  return found;
}

const BODIES = [
  `{"__proto__":{"admin":true},"model":"gpt-4o",${MESSAGES}}`,
  `{"constructor":{"prototype":{"admin":true}},"model":"gpt-4o",${MESSAGES}}`,
  `{"model":"gpt-4o","metadata":{"__proto__":{"admin":true},"tags":{"__proto__":"x"}},${MESSAGES}}`,
  `{"model":"gpt-4o","metadata":{"constructor":"x","tags":{"constructor":"y"}},${MESSAGES}}`,
  `{"model":"gpt-4o","messages":[{"role":"user","content":"hi","__proto__":{"polluted":1}}]}`,
  `{"model":"gpt-4o","tools":[{"type":"function","function":{"name":"__proto__","parameters":{"__proto__":{"free":true}}}}],${MESSAGES}}`,
  `{"model":"__proto__",${MESSAGES}}`,
  `{"model":"constructor",${MESSAGES}}`,
  `{"model":"toString",${MESSAGES}}`,
];

test.each(BODIES)("J8: the body %s pollutes nothing and frees nothing", async (body) => {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 0n })] });
  const headers: Record<string, string> = body.includes('"x"') ? {} : { "x-bursar-tags": "__proto__=x,constructor=y" };
  const refused = await at.call({}, headers, { body: Buffer.from(body) });
  expect(refused.kind).toBe("refused");
  expect(at.simulator.bill().calls).toBe(0);
  expect(pollution()).toEqual([]);
  const open = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 10n ** 12n })] });
  await consume(await open.call({}, headers, { body: Buffer.from(body) }));
  expect(pollution()).toEqual([]);
  expect(Object.getPrototypeOf({})).toBe(Object.prototype);
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
  "J8: an agent, a task and a tag named %s are names like any other",
  async (name) => {
    const at = await openSimulatedRoad({
      budgets: [
        budget({ name: "agent", limit: 10n ** 12n, per: ["agent"] }),
        budget({ name: "task", limit: 10n ** 12n, per: ["task"] }),
      ],
    });
    const headers = { "x-bursar-agent": name, "x-bursar-task": name, "x-bursar-tags": `${name}=${name}` };
    const reply = await at.call({ model: "gpt-4o", messages: [{ role: "user", content: "hi" }] }, headers);
    expect(reply.kind).toBe("whole");
    expect(at.ledger.state().agents.get(name)?.calls).toBe(1);
    const groups = [...at.ledger.state().accounts.values()].map((account) => account.group);
    expect(groups).toEqual([[name], [name]]);
    expect(pollution()).toEqual([]);
  },
);

/** A file with these lines after its providers: its problems as text, or the word `taken`. */
function taken(lines: string): string {
  const file = `version: 1\nproviders: { sim: { kind: simulated } }\n${lines}\n`;
  const read = readConfig(file, { file: "bursar.yaml", path: null, data: "/tmp/none", env: {}, laid: [] });
  if ("config" in read) return "taken";
  return read.problems.map(({ line, column, path, message }) => `${line}:${column} ${path} ${message}`).join("\n");
}

test.each([
  "!!js/function 'function () {}'",
  "!!js/undefined ''",
  "!!js/regexp /x/",
  "!!python/object:os.system x",
  "!!binary aGk=",
  "!custom x",
])("J8: the YAML tag %s is refused where it stands", (value) => {
  expect(taken(`timezone: ${value}`)).toMatch(/^3:\d+ /);
});

test("J8: a billion laughs ends at a bound, by name", () => {
  const levels = "abcdefghi".split("");
  const lines = levels.map((level, index) => {
    const from = levels[index - 1];
    const items = from === undefined ? '"lol"' : Array.from({ length: 9 }, () => `*${from}`).join(", ");
    return `${level}: &${level} [${items}]`;
  });
  const began = performance.now();
  expect(taken(lines.join("\n"))).toMatch(/^\d+:\d+ .*values once its aliases are followed/);
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("J8: merge keys merge nothing", () => {
  const merged = taken("base: &base { limit: { usd: 1000000 } }\nbudgets:\n  - { <<: *base, name: b, limit: { usd: 1 } }");
  expect(merged).not.toBe("taken");
  expect(merged).toMatch(/<<|alias|base/);
});

test.each([
  "__proto__: { free: true }",
  "constructor: { prototype: { free: true } }",
  "providers2: { __proto__: { kind: simulated } }",
])("J8: the key %s is refused as unknown and pollutes nothing", (line) => {
  expect(taken(line)).toMatch(/^3:\d+ /);
  expect(pollution()).toEqual([]);
});

test.each([
  "yes",
  "no",
  "on",
  "off",
  "1_000",
  "0o17",
  "017",
  "0x1F",
  "0b11",
  "+5",
  "1e2",
  "1:30",
  "~",
  "1.",
  ".5",
  '"1,000"',
  "$5",
])("J8: %s is not money", (text) => {
  expect(taken(`budgets:\n  - { name: b, limit: { usd: ${text} } }`)).toMatch(/^4:\d+ .*usd/);
});

test.each(["5", "0.60", "1000", "0", '"2.50"', "0.000000001"])("J8: %s is money", (text) => {
  expect(taken(`budgets:\n  - { name: b, limit: { usd: ${text} } }`)).toBe("taken");
});
