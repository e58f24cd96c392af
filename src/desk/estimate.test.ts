import { expect, test } from "vitest";
import { commandNamed, openTestDesk } from "../../test/desk-fixtures.js";

interface Estimated {
  models: { model: string; cost_usd: string; per_task_usd: string }[];
  deviations: { brief: string; here: string; percent: number; why: string }[];
  note: string;
}

const brief = { tasks: "100000", tokens: "4000" };
const claude = ["anthropic/claude-3-5-sonnet-20241022", "anthropic/claude-3-haiku-20240307"];

test("at 11:1 the brief's OpenAI rows follow exactly from the prices, and every other figure of it is shown as it deviates", async () => {
  const desk = await openTestDesk();
  const result = await desk.ask<Estimated>("estimate", { ...brief, mix: "11:1" });
  expect(result.models.map((one) => one.cost_usd)).toEqual(["1250.00", "1600.00", "75.00", "133.333333333"]);
  const [sonnet, haiku, ...rest] = result.deviations;
  expect(sonnet).toMatchObject({
    brief: "Claude 3.5 Sonnet: $1,800.00",
    here: "$1,600.00",
    percent: -11.1,
    why: "the brief's figure needs a mix of 7:1",
  });
  expect(haiku).toMatchObject({ here: "$133.33", percent: -11.1, why: "the brief's figure needs a mix of 7:1" });
  expect(rest.map((one) => one.brief.split(/[,:]/)[0])).toEqual([
    "customer support",
    "research",
    "code generation",
    "data analysis",
    "internal tooling",
    "runaway agent",
  ]);
  expect(rest[0]).toMatchObject({ here: "$46.88", why: expect.stringContaining("flat $10 per million") });
  expect(result.note).toContain("Mix 11:1");
  await desk.close();
});

test("at 7:1 the brief's Claude rows follow and its OpenAI rows deviate", async () => {
  const desk = await openTestDesk();
  const result = await desk.ask<Estimated>("estimate", { ...brief, mix: "7:1", model: claude });
  expect(result.models.map((one) => one.cost_usd)).toEqual(["1800.00", "150.00"]);
  expect(result.deviations.slice(0, 2).map((one) => one.why)).toEqual(Array(2).fill("the brief's figure needs a mix of 11:1"));
  await desk.close();
});

test("another size is priced without comparison, and per task", async () => {
  const desk = await openTestDesk();
  const result = await desk.ask<Estimated>("estimate", { tokens: "1M", tasks: "2", mix: "1:0", model: ["gpt-4o-mini"] });
  expect(result.models).toEqual([
    expect.objectContaining({ model: "openai/gpt-4o-mini", cost_usd: "0.30", per_task_usd: "0.15" }),
  ]);
  expect(result.deviations).toEqual([]);
  await desk.close();
});

test.each([{ mix: "0:0" }, { mix: "11" }, { mix: "-1:2" }, { tokens: "0" }, { tasks: "1.5" }, { tokens: "1e3" }])(
  "%j is refused",
  async (input) => {
    const desk = await openTestDesk();
    await expect(desk.ask("estimate", input)).rejects.toMatchObject({ code: "invalid_request" });
    await desk.close();
  },
);

test("a model is found under any of its names; an unknown one is answered with the nearest", async () => {
  const desk = await openTestDesk();
  for (const model of ["gpt-4o", "openai/gpt-4o", " GPT-4o "])
    expect(await desk.ask("price", { model })).toMatchObject({ model: "openai/gpt-4o" });
  const row = await desk.ask<{ usd_per_million: Record<string, string> }>("price", { model: "gpt-4o" });
  expect(row.usd_per_million).toMatchObject({ input_fresh: "2.50", cache_read: "1.25", output_text: "10.00" });
  await expect(desk.ask("price", { model: "gpt-4p-mini" })).rejects.toMatchObject({
    code: "model_unknown",
    message: expect.stringContaining("Did you mean"),
  });
  expect(JSON.stringify(commandNamed("price").show(await desk.ask("price", { model: "gpt-4o" })))).toContain("$2.50");
  await desk.close();
});
