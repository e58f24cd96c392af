import { expect, test } from "vitest";
import { commandNamed, openTestDesk } from "../../test/desk-fixtures.js";
import { ceiling, hold, post } from "../../test/ledger-fixtures.js";

interface Verified {
  ok: boolean;
  entries: number;
  balances_compared: boolean;
  violations: { seq: number; rule: string; message: string }[];
}

test("a whole log is called whole, with the balances compared", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([hold("one", ceiling(10, 10)), post("one", { input: 10, output: 5 })]);
  expect(await desk.ask<Verified>("verify")).toMatchObject({ ok: true, entries: 3, balances_compared: true, violations: [] });
  await desk.close();
});

test("a balance that is not the sum of the log is named, and the command fails", async () => {
  const desk = await openTestDesk();
  await desk.ledger.apply([hold("one", ceiling(10, 10)), post("one", { input: 10, output: 5 })]);
  for (const account of desk.ledger.state().accounts.values()) account.used += 1n;
  const verified = await desk.ask<Verified>("verify");
  expect(verified.violations).toEqual([
    expect.objectContaining({ rule: "I5", message: expect.stringContaining("the log says 20000") }),
  ]);
  const command = commandNamed("verify");
  expect(command.failed?.(verified)).toBe(true);
  expect(command.show(verified)[0]).toContain("NOT whole");
  await desk.close();
});

test("a log that grows while it is read is checked, and says that balances were not compared", async () => {
  const desk = await openTestDesk();
  const verify = desk.needs.verify;
  const needs = {
    ...desk.needs,
    async verify() {
      const verified = await verify();
      await desk.ledger.apply([hold("late", ceiling(1, 0))]);
      return verified;
    },
  };
  const result = (await commandNamed("verify").run(needs, {}, { name: "ada", key: null })) as Verified;
  expect(result).toMatchObject({ ok: true, balances_compared: false });
  await desk.close();
});
