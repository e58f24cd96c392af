import { Command as Line, Option } from "commander";
import { BursarError } from "../../accounting/errors.js";
import type { AnyCommand, Command, Feed } from "../../desk/command.js";
import { type InputKey, inputKeys } from "../../desk/read-input.js";
import { DESK_TABLE } from "../../desk/table.js";
import type { ExitCode } from "./failure.js";
import type { CliNeeds } from "./needs.js";
import { blocksText, colorsFor, inert } from "./print.js";
import { type ReachFlags, reachDesk } from "./reach-desk.js";

type Flags = Readonly<Record<string, unknown>> & ReachFlags & { readonly json?: boolean; readonly preview?: boolean };

/** After this long without an answer, a person is told that it is being worked on. */
const PATIENCE_MS = 1_000;

/** `input_tokens` → `--input-tokens`. */
function flagOf(key: InputKey): string {
  return `--${key.name.replaceAll("_", "-")}`;
}

/** The name commander keeps a flag's value under: `inputTokens`. */
function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function placeholder(key: InputKey): string {
  return key.name.split("_").at(-1)?.toUpperCase() ?? key.name;
}

function optionOf(key: InputKey): Option {
  const fallback = key.fallback === undefined || key.fallback === false ? "" : ` (default: ${key.fallback})`;
  const description = `${key.description}${fallback}`;
  if (key.kind === "flag") return new Option(flagOf(key), description);
  const option = new Option(`${flagOf(key)} <${placeholder(key)}>`, description);
  if (key.kind === "list") option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  return option.makeOptionMandatory(key.required);
}

function inputOf(command: AnyCommand, given: { args: readonly (string | undefined)[]; flags: Flags }): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [index, name] of command.cli.positional.entries()) {
    if (given.args[index] !== undefined) input[name] = given.args[index];
  }
  for (const { name } of inputKeys(command.input)) {
    const value = given.flags[camel(name)];
    if (!command.cli.positional.includes(name) && value !== undefined) input[name] = value;
  }
  return input;
}

async function patiently<T>(needs: CliNeeds, name: string, work: Promise<T>): Promise<T> {
  const told = setTimeout(() => {
    if (needs.stderr.isTTY === true) needs.stderr.write(`bursar ${name} is at work…\n`);
  }, PATIENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(told);
  }
}

async function runAnswer(
  needs: CliNeeds,
  command: Command,
  given: { input: Record<string, unknown>; flags: Flags },
): Promise<ExitCode> {
  if (command.permission === "self" && given.flags.key === undefined && (needs.env.BURSAR_KEY ?? "") === "") {
    throw new BursarError(
      "invalid_request",
      `bursar ${command.name} shows what a key may spend. Give the key: --key KEY, or BURSAR_KEY.`,
    );
  }
  const desk = await reachDesk(needs, given.flags);
  try {
    if (given.flags.preview === true) {
      const preview = await desk.preview(command, given.input);
      needs.stdout.write(given.flags.json === true ? `${JSON.stringify({ preview })}\n` : `${inert(preview)}\n`);
      return 0;
    }
    const output = await patiently(needs, command.name, desk.ask(command, given.input));
    if (given.flags.json === true) needs.stdout.write(`${JSON.stringify(output, null, 2)}\n`);
    else needs.stdout.write(blocksText(command.show(output), colorsFor(needs.stdout, needs.env)));
    return command.failed?.(output) === true ? 1 : 0;
  } finally {
    await desk.close();
  }
}

async function runFeed(needs: CliNeeds, feed: Feed, given: { input: Record<string, unknown>; flags: Flags }): Promise<ExitCode> {
  const desk = await reachDesk(needs, given.flags);
  const leaving = new AbortController();
  const stop = needs.stopped().then(() => leaving.abort());
  try {
    for await (const json of desk.follow(feed, given.input, leaving.signal)) {
      needs.stdout.write(given.flags.json === true ? `${json}\n` : `${inert(feed.line(json))}\n`);
    }
    if (leaving.signal.aborted) await stop;
    return 0;
  } finally {
    await desk.close();
  }
}

/** Options of every command made from the table. */
function addReach(line: Line, command: AnyCommand): void {
  line.option("--json", "answer in JSON, in the shape that /api/v1/openapi.json tells");
  line.option("--url <URL>", "a running server, instead of the one on the data directory");
  if (command.permission === "self") line.option("--key <KEY>", "the data-plane key, else BURSAR_KEY");
  else line.option("--token <TOKEN>", "the admin token, else BURSAR_ADMIN_TOKEN");
  line.option("--data <DIR>", "data directory, else BURSAR_DATA or ./.bursar");
  line.option("--config <FILE>", "configuration file, else BURSAR_CONFIG or ./bursar.yaml");
}

function lineOf(needs: CliNeeds, command: AnyCommand, of: { name: string; done: (code: ExitCode) => void }): Line {
  const line = new Line(of.name).description(command.summary).summary(command.summary);
  const keys = inputKeys(command.input);
  for (const name of command.cli.positional) {
    const key = keys.find((one) => one.name === name) as InputKey;
    line.argument(key.required ? `<${name}>` : `[${name}]`, key.description);
  }
  for (const key of keys) if (!command.cli.positional.includes(key.name)) line.addOption(optionOf(key));
  if (command.changes) line.option("--preview", "say what would happen, change nothing");
  addReach(line, command);
  line.addHelpText("after", `\nExample:\n  $ ${command.cli.example}`);
  line.action(async (...values: unknown[]) => {
    const args = values.slice(0, command.cli.positional.length) as (string | undefined)[];
    const flags = line.opts<Flags>();
    const given = { input: inputOf(command, { args, flags }), flags };
    of.done(command.kind === "feed" ? await runFeed(needs, command, given) : await runAnswer(needs, command, given));
  });
  return line;
}

/** Adds every command of the desk's table, in groups by their first word, and their other names. */
export function addDeskCommands(program: Line, needs: CliNeeds, done: (code: ExitCode) => void): void {
  const groups = new Map<string, Line>();
  for (const command of DESK_TABLE) {
    const [first, second] = command.name.split(" ") as [string, string | undefined];
    if (second === undefined) program.addCommand(lineOf(needs, command, { name: first, done }));
    else {
      const known = groups.get(first);
      const group =
        known ?? new Line(first).summary(`${first}s: see bursar ${first} --help`).description(`Commands on ${first}s`);
      if (known === undefined) {
        groups.set(first, group);
        program.addCommand(group);
      }
      group.addCommand(lineOf(needs, command, { name: second, done }));
    }
    for (const alias of command.cli.aliases ?? [])
      program.addCommand(lineOf(needs, command, { name: alias, done }), { hidden: true });
  }
}
