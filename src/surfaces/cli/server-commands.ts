import { Command as Line, Option } from "commander";
import { BursarError } from "../../accounting/errors.js";
import type { ConfigFlags } from "../../config/load.js";
import type { ExitCode } from "./failure.js";
import type { CliNeeds } from "./needs.js";
import { startBox } from "./start-box.js";

type Done = (code: ExitCode) => void;

async function up(needs: CliNeeds, flags: ConfigFlags & { readonly json?: boolean }): Promise<ExitCode> {
  const { json, ...config } = flags;
  const server = await needs.openServer(config);
  const { url, facts, budgets } = server;
  if (json === true) needs.stdout.write(`${JSON.stringify({ url, ...facts })}\n`);
  else needs.stdout.write(startBox({ url, facts, budgets }));
  await needs.stopped();
  needs.stderr.write("Stopping: no new calls; those in flight are settled first.\n");
  await server.close();
  return 0;
}

function upLine(needs: CliNeeds, done: Done): Line {
  const line = new Line("up")
    .summary("Serve gateway, dashboard and control API")
    .description("Serve gateway, dashboard and control API until Ctrl-C.")
    .option("--host <HOST>", "address to listen on, else BURSAR_HOST, server.host or 127.0.0.1")
    .option("--port <PORT>", "port, 0 for any free one, else BURSAR_PORT, server.port or 4141")
    .option("--config <FILE>", "configuration file, else BURSAR_CONFIG or ./bursar.yaml")
    .option("--data <DIR>", "data directory, else BURSAR_DATA or ./.bursar")
    .option("--json", "print one line of JSON instead of the box")
    .addHelpText("after", "\nExample:\n  $ bursar up --port 4141 --config bursar.yaml");
  return line.action(async () => done(await up(needs, line.opts())));
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new BursarError("invalid_request", `--port is ${JSON.stringify(text)}; it takes 0 (any free one) to 65535.`);
}

interface SimulatorOptions {
  readonly port: string;
  readonly seed?: string;
  readonly latency: "model" | "none";
  readonly json?: boolean;
}

async function simulate(needs: CliNeeds, flags: SimulatorOptions): Promise<ExitCode> {
  const seed = flags.seed === undefined ? {} : { seed: flags.seed };
  const simulator = await needs.openSimulator({ port: readPort(flags.port), latency: flags.latency, ...seed });
  const { url } = simulator;
  if (flags.json === true) needs.stdout.write(`${JSON.stringify({ url })}\n`);
  else needs.stdout.write(`The simulated provider listens on ${url}. Its own bill: ${url}/sim/bill. Stop: Ctrl-C.\n`);
  await needs.stopped();
  await simulator.close();
  return 0;
}

function simulatorLine(needs: CliNeeds, done: Done): Line {
  const line = new Line("simulator")
    .summary("Serve the simulated provider as a process of its own")
    .description("Serve the simulated provider, OpenAI and Anthropic dialects, with its own bill, until Ctrl-C.")
    .option("--port <PORT>", "port, 0 for any free one", "4142")
    .option("--seed <SEED>", "the same seed and request give the same answer")
    .addOption(
      new Option("--latency <KIND>", "as fast as a real model of that name, or at once")
        .choices(["model", "none"])
        .default("model"),
    )
    .option("--json", "print one line of JSON")
    .addHelpText("after", "\nExample:\n  $ bursar simulator --port 4142 --latency none");
  return line.action(async () => done(await simulate(needs, line.opts<SimulatorOptions>())));
}

function versionLine(needs: CliNeeds, done: Done): Line {
  const line = new Line("version")
    .summary("Print the version")
    .description("Print the version of this command line.")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExample:\n  $ bursar version");
  return line.action(() => {
    const { version } = needs;
    needs.stdout.write(
      line.opts<{ json?: boolean }>().json === true ? `${JSON.stringify({ version })}\n` : `bursar ${version}\n`,
    );
    done(0);
  });
}

/** Adds the commands that are no question to the desk: they start something, or are about the program itself. */
export function addServerCommands(program: Line, needs: CliNeeds, done: Done): void {
  program.addCommand(upLine(needs, done));
  program.addCommand(simulatorLine(needs, done));
  program.addCommand(versionLine(needs, done));
}
