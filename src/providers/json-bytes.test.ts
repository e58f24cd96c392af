import fc from "fast-check";
import { expect, test } from "vitest";
import { elementsOf, readObject, splice, topLevel, without } from "./json-bytes.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array): string => Buffer.from(value).toString("utf8");

/** JSON text of a value with white space put between its tokens, so that splicing meets bodies nobody normalised. */
const looseObject = fc
  .tuple(
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      fc.jsonValue({ maxDepth: 4 }),
    ),
    fc.constantFrom(0, 1, 3, "\t"),
  )
  .map(([value, indent]) => ({ value, body: JSON.stringify(value, null, indent) }))
  .filter(({ body }) => !/"__proto__"|"prototype"/.test(body));

test("top-level fields are found with the exact ranges of key and value", () => {
  const body = '{ "model" : "gpt-4o" ,"n":2,"messages":[{"role":"user"}] }';
  const fields = topLevel(bytes(body)).map((field) => [field.key, body.slice(field.valueStart, field.valueEnd)]);
  expect(fields).toEqual([
    ["model", '"gpt-4o"'],
    ["n", "2"],
    ["messages", '[{"role":"user"}]'],
  ]);
});

test("elements of an array are found with their exact ranges", () => {
  const body = '{"tools":[ {"a":1} ,[2,3], "x" ],"n":1}';
  const [tools, n] = topLevel(bytes(body));
  expect(elementsOf(bytes(body), tools!).map(({ start, end }) => body.slice(start, end))).toEqual(['{"a":1}', "[2,3]", '"x"']);
  expect(elementsOf(bytes(body), n!)).toEqual([]);
});

test("what any JSON writer writes is read, and reading agrees with JSON.parse", () => {
  fc.assert(
    fc.property(looseObject, ({ value, body }) => {
      const read = readObject(bytes(body));
      expect(read.value).toEqual(JSON.parse(body));
      expect(new Set(read.fields.map((field) => field.key))).toEqual(new Set(Object.keys(value)));
    }),
    { numRuns: 300 },
  );
});

test("a body that is damaged in one byte is read as JSON.parse reads it, or refused", () => {
  fc.assert(
    fc.property(looseObject, fc.nat(), fc.nat(255), ({ body }, at, byte) => {
      const damaged = Buffer.from(body);
      damaged[at % damaged.length] = byte;
      let ours: unknown;
      try {
        ours = readObject(damaged).value;
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_request" });
        return;
      }
      expect(ours).toEqual(JSON.parse(damaged.toString("utf8")));
    }),
    { numRuns: 500 },
  );
});

test("splicing sets its keys and leaves every other byte as it was", () => {
  fc.assert(
    fc.property(
      looseObject,
      fc.dictionary(fc.constantFrom("model", "max_tokens", "a", "é", "n"), fc.jsonValue()),
      ({ body }, set) => {
        const jsons = Object.fromEntries(Object.entries(set).map(([key, value]) => [key, JSON.stringify(value)]));
        const fields = topLevel(bytes(body));
        const out = text(splice(bytes(body), jsons));
        expect(JSON.parse(out)).toEqual({ ...JSON.parse(body), ...JSON.parse(JSON.stringify(set)) });
        let rebuilt = body;
        for (const field of [...fields].reverse()) {
          if (!Object.hasOwn(jsons, field.key)) continue;
          const source = Buffer.from(rebuilt);
          rebuilt = source.toString("utf8", 0, field.valueStart) + jsons[field.key] + source.toString("utf8", field.valueEnd);
        }
        const added = Object.keys(jsons).filter((key) => !fields.some((field) => field.key === key));
        const inserted = added.map((key) => `${JSON.stringify(key)}:${jsons[key]}`).join(",");
        const comma = added.length > 0 && fields.length > 0 ? "," : "";
        expect(out).toBe(rebuilt.replace("{", () => `{${inserted}${comma}`));
      },
    ),
    { numRuns: 300 },
  );
});

test("a field is taken out with its comma and nothing else", () => {
  expect(text(without(bytes('{"a":1, "usage":null}'), "usage"))).toBe('{"a":1}');
  expect(text(without(bytes('{"usage":null, "a":1}'), "usage"))).toBe('{"a":1}');
  expect(text(without(bytes('{"b":2,"usage":null,"a":1}'), "usage"))).toBe('{"b":2,"a":1}');
  expect(text(without(bytes('{"usage":null}'), "usage"))).toBe("{}");
  expect(text(without(bytes('{"a":1}'), "usage"))).toBe('{"a":1}');
});

test.each([
  ["", "empty"],
  ["   ", "empty"],
  ["[]", "not a JSON object"],
  ['"x"', "not a JSON object"],
  ["<html>", "not a JSON object"],
  ['\ufeff{"a":1}', "byte order mark"],
  ['{"a":1} x', "byte 0x78 at byte 8"],
  ['{"a":1}{"a":1}', "unexpected"],
  ['{"a":1,}', "unexpected"],
  ['{"a" 1}', "unexpected"],
  ["{a:1}", "unexpected"],
  ['{"a":01}', "unexpected"],
  ['{"a":+1}', "unexpected"],
  ['{"a":NaN}', "unexpected"],
  ['{"a":tru}', "unexpected"],
  ['{"a":"x', "the end"],
  ['{"a":[1,2}', "unexpected"],
  ['{"a":"\\x"}', "malformed"],
  ['{"a":"\n"}', "malformed"],
  ['{"\\x":1}', "malformed"],
])("%j is refused: %s", (body, why) => {
  expect(() => readObject(bytes(body))).toThrow(why);
});

test("invalid UTF-8 is refused", () => {
  expect(() => readObject(Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]))).toThrow("not valid UTF-8");
});

test("a refusal never quotes the body", () => {
  for (const body of ['{"content":"secret \\q prompt"}', '{"content":"secret prompt', '{"a":secret}']) {
    expect(() => readObject(bytes(body))).toThrow(expect.not.objectContaining({ message: expect.stringContaining("secret") }));
  }
});

test("a key that stands twice in one object is refused at any depth, however it is spelled", () => {
  const many = Array.from({ length: 100 }, (_, index) => `"k${index}":1`).join(",");
  for (const body of [
    '{"max_tokens":1,"max_tokens":2}',
    '{"model":"a","\\u006dodel":"b"}',
    '{"tools":[{"max_uses":1,"max_uses":1000}]}',
    '{"messages":[{"content":"a","content":"b"}]}',
    `{"a":{${many},"k7":2}}`,
  ]) {
    expect(() => topLevel(bytes(body)), body).toThrow("stands twice");
  }
  expect(topLevel(bytes(`{"a":{${many}},"b":{"k7":1}}`))).toHaveLength(2);
});

test("J8: prototype keys are refused at any depth and spelling, and nothing is polluted", () => {
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  for (const body of [
    '{"__proto__":{"admin":true}}',
    '{"\\u005f_proto__":{"admin":true}}',
    '{"metadata":{"tags":{"__proto__":"x"}}}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '{"a":[{"constructor":{"b":1,"prototype":{}}}]}',
  ]) {
    expect(() => readObject(bytes(body)), body).toThrow("is not accepted in a body");
  }
  expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(before);
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});

test("a tool may have a parameter called constructor", () => {
  const body = '{"tools":[{"properties":{"constructor":{"type":"string"}}}]}';
  expect(readObject(bytes(body)).value).toEqual(JSON.parse(body));
});

test("J9: depth and number of keys are bounded", () => {
  const deep = (levels: number) => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
  expect(topLevel(bytes(deep(200)))).toHaveLength(1);
  expect(() => topLevel(bytes(deep(201)))).toThrow("deeper than 200");
  expect(() => topLevel(bytes(deep(100_000)))).toThrow("deeper than 200");
  const keys = Array.from({ length: 100_001 }, (_, index) => `"${index}":0`).join(",");
  expect(() => topLevel(bytes(`{${keys}}`))).toThrow("more than 100000 keys");
});

test("strings end where they end, whatever is escaped in them and however long they are", () => {
  for (const length of [0, 1, 62, 63, 64, 65, 127, 128, 1000]) {
    for (const inner of ["\\\\", '\\"', "a", "é"]) {
      const body = `{"a":"${inner.repeat(length)}","b":1}`;
      expect(topLevel(bytes(body)).map((field) => field.key)).toEqual(["a", "b"]);
    }
  }
});
