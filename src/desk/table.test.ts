import { expect, test } from "vitest";
import { z } from "zod";
import { admin, boundKey, openTestDesk } from "../../test/desk-fixtures.js";
import { caller, ceiling, hold, post } from "../../test/ledger-fixtures.js";
import { type AnyCommand, answer, defineCommand } from "./command.js";
import { assertTable, DESK_TABLE } from "./table.js";

const sample = defineCommand({
  name: "sample",
  summary: "Sample",
  permission: "write",
  method: "POST",
  path: "/samples/:name",
  input: z.strictObject({ name: z.string().describe("name") }),
  output: z.object({}),
  changes: true,
  run: async () => ({}),
  show: () => [],
  cli: { positional: ["name"], example: "bursar sample x" },
});

test("the desk's table is right", () => {
  expect(() => assertTable(DESK_TABLE)).not.toThrow();
});

test.each([
  ["has no permission", { permission: undefined }],
  ["changes something without the write permission", { permission: "read" }],
  ["changes something by GET", { method: "GET" }],
  ["names other, which its input does not have", { path: "/samples/:other" }],
  ["does not say what name is", { input: z.strictObject({ name: z.string() }) }],
  ["has an optional path parameter", { input: z.strictObject({ name: z.string().default("x").describe("name") }) }],
])("a command that %s does not start", (fault, change) => {
  const wrong = { ...sample, ...change } as unknown as AnyCommand;
  expect(() => assertTable([wrong])).toThrow(fault);
});

test("two commands may not share a name, a route or another word", () => {
  expect(() => assertTable([sample, { ...sample, path: "/others/:name" }])).toThrow('shares "sample"');
  expect(() => assertTable([sample, { ...sample, name: "other" }])).toThrow('shares "POST /samples/:"');
  const alias = { ...sample, name: "other", path: "/others", cli: { ...sample.cli, positional: [], aliases: ["sample"] } };
  expect(() => assertTable([sample, alias])).toThrow('shares "sample"');
});

test("every example names its own command", () => {
  for (const command of DESK_TABLE) expect(command.cli.example).toMatch(new RegExp(`^bursar ${command.name}`));
});

const asked: Record<string, Record<string, unknown>> = {
  me: { model: "gpt-4o" },
  "budget show": { name: "day" },
  "budget raise": { name: "day", amount: "1", until: "2h", reason: "r" },
  "budget lower": { name: "day", amount: "1", reason: "r" },
  "call explain": { call_id: "paid" },
  "hold resolve": { attempt_id: "lost.1", void: true, reason: "seen" },
  price: { model: "gpt-4o" },
  estimate: { tasks: "100000" },
};

test("every command answers in the shape it says, and shows it without failing", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([
    hold("paid", ceiling(1000, 500), { simulated: true }),
    post("paid", { input: 900, output: 100 }),
    hold("open", ceiling(100, 50), { attribution: caller({ agent: "b" }) }),
    hold("lost", ceiling(100, 50)),
    { type: "presume", attempt_id: "lost.1", reason: "timeout" },
    hold("refused", ceiling(9_000_000, 9_000_000)),
  ]);
  for (const command of DESK_TABLE) {
    if (command.kind === "feed") continue;
    const actor = command.permission === "self" ? { name: "key:cx", key: boundKey } : admin;
    const output = await answer(command, desk.needs, { input: asked[command.name] ?? {}, actor });
    const read = command.output.safeParse(JSON.parse(JSON.stringify(output)));
    expect(read.error?.issues, command.name).toBeUndefined();
    expect(JSON.parse(JSON.stringify(read.data)), command.name).toEqual(JSON.parse(JSON.stringify(output)));
    expect(command.show(output).length, command.name).toBeGreaterThan(0);
    expect(command.failed?.(output) ?? false, command.name).toBe(false);
  }
  await desk.close();
});

test("a data-plane key may ask for nothing but what is its own, and an admin has no key to show", async () => {
  const desk = await openTestDesk();
  for (const command of DESK_TABLE) {
    if (command.kind === "feed") continue;
    const actor = command.permission === "self" ? admin : { name: "key:cx", key: boundKey };
    const code = command.permission === "self" ? "unauthorized" : "forbidden";
    await expect(answer(command, desk.needs, { input: asked[command.name] ?? {}, actor }), command.name).rejects.toMatchObject({
      code,
    });
  }
  await desk.close();
});

test("an unknown or wrong input is refused by name, and hostile keys pollute nothing", async () => {
  const desk = await openTestDesk();
  const ask = (input: unknown) =>
    answer(DESK_TABLE.find((one) => one.name === "call list") as never, desk.needs, { input, actor: admin });
  await expect(ask({ limit: "many" })).rejects.toMatchObject({
    code: "invalid_request",
    message: expect.stringContaining("limit"),
  });
  await expect(ask({ colour: "red" })).rejects.toMatchObject({
    code: "invalid_request",
    message: expect.stringContaining("colour"),
  });
  await ask(JSON.parse('{"__proto__":{"admin":true}}')).catch(() => "refused");
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
  await desk.close();
});
