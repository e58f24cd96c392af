import type { AnyCommand } from "../../src/desk/command.js";
import { type InputKey, inputKeys } from "../../src/desk/read-input.js";
import { DESK_TABLE, pathKeys } from "../../src/desk/table.js";
import { METRIC_FAMILIES } from "../../src/surfaces/control/metrics.js";
import { PLAIN_ROUTES } from "../../src/surfaces/control/open-control.js";

const cell = (text: string): string => text.replaceAll("|", "\\|");

function where(command: AnyCommand, key: InputKey): string {
  if (pathKeys(command.path).includes(key.name)) return "path";
  return command.method === "GET" ? "query" : "body";
}

function fallback(key: InputKey): string {
  if (key.required) return "required";
  return key.fallback === undefined || key.fallback === false ? "" : `\`${key.fallback}\``;
}

function commandOf(command: AnyCommand): string {
  const rows = inputKeys(command.input).map(
    (key) => `| \`${key.name}\` | ${where(command, key)} | ${fallback(key)} | ${cell(key.description)} |`,
  );
  const table = rows.length === 0 ? [] : ["", "| input | where | default | what |", "|---|---|---|---|", ...rows];
  const permission = { read: "admin, to see", write: "admin, to change", self: "a data-plane key" }[command.permission];
  return [
    `### ${command.method} /api/v1${command.path}`,
    "",
    `${command.summary}. Asked by: ${permission}. CLI: \`bursar ${command.name}\`.`,
    ...table,
  ].join("\n");
}

/** Every route, as docs/reference/http.md lists it. */
export function httpTables(): string {
  const plain = PLAIN_ROUTES.map(
    (route) => `| \`${route.path}\` | ${route.permission === "public" ? "anybody" : "admin, to see"} | ${cell(route.what)} |`,
  );
  return [
    ...DESK_TABLE.map(commandOf),
    ["### Beside the commands", "", "| GET | asked by | what |", "|---|---|---|", ...plain].join("\n"),
  ].join("\n\n");
}

function lineOf(command: AnyCommand): string {
  const keys = inputKeys(command.input);
  const positional = command.cli.positional.map((name) =>
    keys.find((key) => key.name === name)?.required ? ` <${name}>` : ` [${name}]`,
  );
  const options = keys
    .filter((key) => !command.cli.positional.includes(key.name))
    .map((key) => {
      const flag = `--${key.name.replaceAll("_", "-")}`;
      const shown = key.kind === "flag" ? flag : `${flag} ${key.name.split("_").at(-1)?.toUpperCase()}`;
      return `| \`${shown}\` | ${fallback(key)} | ${cell(key.description)} |`;
    });
  const also = (command.cli.aliases ?? []).map((alias) => `\`bursar ${alias}\``).join(", ");
  const table = options.length === 0 ? [] : ["", "| option | default | what |", "|---|---|---|", ...options];
  const heading = `### \`bursar ${command.name}${positional.join("")}\``;
  return [
    heading,
    "",
    `${command.summary}.${also === "" ? "" : ` Also: ${also}.`}`,
    "",
    "```sh",
    command.cli.example,
    "```",
    ...table,
  ].join("\n");
}

/** Every command of the table, as docs/reference/cli.md lists it. */
export function cliTables(): string {
  return DESK_TABLE.map(lineOf).join("\n\n");
}

/** Every metric, as docs/reference/metrics.md lists it. */
export function metricsTable(): string {
  const rows = METRIC_FAMILIES.map(
    (one) => `| \`${one.name}\` | ${one.type} | ${one.labels.map((label) => `\`${label}\``).join(", ")} | ${cell(one.help)} |`,
  );
  return ["| metric | type | labels | what |", "|---|---|---|---|", ...rows].join("\n");
}
