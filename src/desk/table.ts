import { accountList, budgetList, budgetShow } from "./budgets.js";
import { callList } from "./calls.js";
import type { AnyCommand } from "./command.js";
import { estimate } from "./estimate.js";
import { events } from "./events.js";
import { callExplain } from "./explain.js";
import { holdList, holdResolve } from "./holds.js";
import { me } from "./me.js";
import { price } from "./prices.js";
import { budgetLower, budgetRaise } from "./raise-budget.js";
import { inputKeys } from "./read-input.js";
import { status } from "./status.js";
import { verify } from "./verify-log.js";

/** Everything a person or an agent can ask of Bursar besides a call. HTTP, OpenAPI, CLI and later MCP are made from it. */
export const DESK_TABLE: readonly AnyCommand[] = [
  status,
  me,
  budgetList,
  budgetShow,
  budgetRaise,
  budgetLower,
  accountList,
  callList,
  callExplain,
  holdList,
  holdResolve,
  price,
  estimate,
  verify,
  events,
];

/** Names of the path's parameters: `/budgets/:name/raise` → `name`. */
export function pathKeys(path: string): readonly string[] {
  return [...path.matchAll(/:(\w+)/g)].map((match) => match[1] as string);
}

function faults(command: AnyCommand): readonly string[] {
  const keys = new Map(inputKeys(command.input).map((key) => [key.name, key]));
  const found: string[] = [];
  if (!["read", "write", "self"].includes(command.permission)) found.push("has no permission");
  if (command.changes && command.permission !== "write") found.push("changes something without the write permission");
  if (command.changes !== (command.method === "POST")) found.push("changes something by GET, or nothing by POST");
  for (const name of [...pathKeys(command.path), ...command.cli.positional]) {
    if (!keys.has(name)) found.push(`names ${name}, which its input does not have`);
  }
  for (const name of pathKeys(command.path))
    if (keys.get(name)?.required === false) found.push(`has an optional path parameter ${name}`);
  for (const key of keys.values()) if (key.description === "") found.push(`does not say what ${key.name} is`);
  return found.map((fault) => `${command.name} ${fault}`);
}

/**
 * Checks the table as a whole, at start: every command has a permission, none changes anything without `write`, no two
 * share a name or a route. Throws an Error listing what is wrong; a Bursar with such a table must not start.
 */
export function assertTable(table: readonly AnyCommand[]): void {
  const wrong = table.flatMap(faults);
  const seen = new Set<string>();
  for (const command of table) {
    const route = `${command.method} ${command.path.replace(/:\w+/g, ":")}`;
    for (const name of [command.name, route, ...(command.cli.aliases ?? [])]) {
      if (seen.has(name)) wrong.push(`${command.name} shares "${name}" with another command`);
      seen.add(name);
    }
  }
  if (wrong.length > 0) throw new Error(`The desk's table is wrong: ${wrong.join("; ")}.`);
}
