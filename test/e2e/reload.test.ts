// Editing bursar.yaml while Bursar serves: what is good is in force within two seconds, what is not changes nothing.
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configText, openRunningBursar, type RunningBursar, sim, standingChecks } from "./running-bursar.js";

const chat = { model: "gpt-4o", messages: [{ role: "user" as const, content: "Hello" }] };
let at: RunningBursar;

const budgets = (usd: string, more = ""): string => `budgets:\n  - { name: day, limit: { usd: ${usd} }, window: day }${more}`;

beforeEach(async () => {
  at = await openRunningBursar(budgets("5"));
});
afterEach(async () => {
  await standingChecks(at);
  await at.close();
});

function edit(more: string): void {
  writeFileSync(at.configPath, configText({ simulatorUrl: at.simulatorUrl, more }));
}

async function limit(): Promise<string> {
  return (await at.ask<{ limit: string }>("/budgets/day")).limit;
}

/** A call of $0.06 that is answered at once. */
function spend() {
  return at.openai().chat.completions.create({ ...chat, max_tokens: 6000 }, sim({ "input-tokens": 100, "output-tokens": 6000 }));
}

test("an edited limit is in force within two seconds, and the log says from where it came", async () => {
  expect(await limit()).toBe("5.00");
  edit(budgets("7.25"));
  await expect.poll(limit, { timeout: 2_000 }).toBe("7.25");
  const changes = (await at.entries("budget.changed")).at(-1);
  expect(changes).toMatchObject({ budget: "day", actor: "config", reason: "the configuration file changed" });
  await expect.poll(() => at.told.join("\n")).toContain("Configuration reloaded");
});

test("a wrong edit keeps the last good one and says where it is wrong, once; the next good one is taken", async () => {
  await spend();
  edit(budgets("7", "\n  - { name: extra, limt: { usd: 1 } }"));
  await expect
    .poll(() => at.told.join("\n"), { timeout: 3_000 })
    .toMatch(/has errors; the last good one stays in force\.\nbursar\.yaml:\d+:\d+ .*limt.*limit/s);
  expect(await limit()).toBe("5.00");
  await spend();
  expect(at.told).toHaveLength(1);
  edit(budgets("7"));
  await expect.poll(limit, { timeout: 3_000 }).toBe("7.00");
});

test("a limit below what is used stops admissions, shows nothing negative, and a higher one lets them go on", async () => {
  await spend();
  edit(budgets("0.01"));
  await expect.poll(limit, { timeout: 2_000 }).toBe("0.01");
  await expect(spend()).rejects.toMatchObject({ status: 402, message: expect.stringContaining("bursar budget raise day") });
  const { windows } = await at.ask<{ windows: Record<string, { whole: { left: string; used: string; percent: number } }> }>(
    "/status",
  );
  expect(windows.day?.whole.left).toBe("0.00");
  expect(Number(windows.day?.whole.used)).toBeGreaterThan(0.01);
  edit(budgets("5"));
  await expect.poll(limit, { timeout: 2_000 }).toBe("5.00");
  await spend();
});

test("a limit that is lowered while calls stream lets them finish inside what they hold (A10)", async () => {
  const streams = await Promise.all(
    Array.from({ length: 10 }, () =>
      at
        .openai()
        .chat.completions.create(
          { ...chat, max_tokens: 400, stream: true },
          sim({ "output-tokens": 400, "tokens-per-second": 150 }),
        ),
    ),
  );
  const read = async (stream: (typeof streams)[number]): Promise<string | null> => {
    let finish: string | null = null;
    for await (const chunk of stream) finish = chunk.choices[0]?.finish_reason ?? finish;
    return finish;
  };
  const reading = Promise.all(streams.map(read));
  edit(budgets("0.001"));
  await expect.poll(limit, { timeout: 1_500 }).toBe("0.001");
  await expect(spend()).rejects.toMatchObject({ status: 402 });
  expect(new Set(await reading)).toEqual(new Set(["stop"]));
});

test("a removed budget and one that comes back by the same name do not give money back (I13)", async () => {
  edit(budgets("0.10"));
  await expect.poll(limit, { timeout: 2_000 }).toBe("0.10");
  await spend();
  edit("budgets: []");
  await expect.poll(() => at.told.length, { timeout: 3_000 }).toBe(2);
  edit(budgets("0.10"));
  await expect.poll(() => at.told.length, { timeout: 3_000 }).toBe(3);
  const { windows } = await at.ask<{ windows: Record<string, { whole: { used: string } }> }>("/status");
  expect(Number(windows.day?.whole.used)).toBeGreaterThan(0.05);
  await expect(spend()).rejects.toMatchObject({ status: 402 });
});

test("a new key is known and an old one forgotten without a restart", async () => {
  const text = configText({ simulatorUrl: at.simulatorUrl, more: budgets("5") });
  writeFileSync(at.configPath, text.replace("token: platform-key", "token: new-key"));
  await expect.poll(() => at.told.length, { timeout: 3_000 }).toBe(1);
  await at.openai("new-key").chat.completions.create(chat);
  await expect(spend()).rejects.toMatchObject({ status: 401 });
});
