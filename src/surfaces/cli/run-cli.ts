import { CommanderError, Command as Line } from "commander";
import { BursarError } from "../../accounting/errors.js";
import { addDemo } from "./demo.js";
import { addDeskCommands } from "./desk-commands.js";
import { type ExitCode, exitCodeOf, failureText } from "./failure.js";
import type { CliNeeds } from "./needs.js";
import { addReplay } from "./replay.js";
import { addServerCommands } from "./server-commands.js";

/** `bursar budget raise`. */
function pathOf(line: Line): string {
  return line.parent === null ? line.name() : `${pathOf(line.parent)} ${line.name()}`;
}

function inherit(line: Line, needs: CliNeeds): void {
  line.exitOverride().configureOutput({
    writeOut: (text) => needs.stdout.write(text),
    writeErr: (text) => needs.stderr.write(text),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  line.showSuggestionAfterError(true).showHelpAfterError(`See: ${pathOf(line)} --help`);
  for (const child of line.commands) inherit(child, needs);
}

/** The whole command line: what stands in the table, and what starts a server. `done` is told the exit code of what ran. */
export function buildProgram(needs: CliNeeds, done: (code: ExitCode) => void): Line {
  const program = new Line("bursar")
    .description("Bursar: the treasury for your agents.")
    .version(needs.version, "--version", "print the version")
    .helpCommand("help [command]", "help for a command")
    .addHelpText("after", "\nStart here:\n  $ bursar up\n  $ bursar status");
  addServerCommands(program, needs, done);
  addDemo(program, needs, done);
  addReplay(program, needs, done);
  addDeskCommands(program, needs, done);
  inherit(program, needs);
  return program;
}

/** Runs one line. Answers on stdout, talks on stderr, and returns the exit code: 0 ok, 1 fault, 2 usage, 3 budget refused. */
export async function runCli(needs: CliNeeds): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = buildProgram(needs, (done) => {
    code = done;
  });
  try {
    await program.parseAsync([...needs.argv], { from: "user" });
    return code;
  } catch (error) {
    // commander has already said what is wrong, and how it is used.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (needs.argv.includes("--json") && error instanceof BursarError) {
      const { code: name, message, details } = error;
      needs.stdout.write(`${JSON.stringify({ error: { code: name, message, details } })}\n`);
    }
    needs.stderr.write(`${failureText(error)}\n`);
    return exitCodeOf(error);
  }
}
