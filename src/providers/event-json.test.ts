import { expect, test } from "vitest";
import { eventJson } from "./event-json.js";

test("numbers that JSON does not have become null, text that names them stays", () => {
  const data = '{"a":NaN,"b":[-Infinity,1],"text":"NaN: \\"Infinity\\"","usage":{"n": NaN}}';
  expect(eventJson(data)).toEqual({
    repaired: true,
    data: '{"a":null,"b":[null,1],"text":"NaN: \\"Infinity\\"","usage":{"n": null}}',
    fields: { a: null, b: [null, 1], text: 'NaN: "Infinity"', usage: { n: null } },
  });
  expect(eventJson('{"a":"NaN"}')).toMatchObject({ repaired: false, data: '{"a":"NaN"}' });
});

test.each(["", "7", "[]", "null", "{", '{"a":NaN', "NaN"])("%j is no object", (data) => {
  expect(eventJson(data)).toBeNull();
});
