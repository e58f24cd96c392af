import { Command as Line } from "commander";
import { BursarError } from "../../accounting/errors.js";
import type { ExitCode } from "./failure.js";
import type { CliNeeds } from "./needs.js";
import { blocksText, colorsFor } from "./print.js";
import type { ReplayOptions } from "./replay/run-replay.js";

interface ReplayFlags {
  readonly speed: string;
  readonly agents: string;
  readonly limit?: string;
  readonly seed: string;
  readonly faults: string;
  readonly concurrency: string;
  readonly url?: string;
  readonly sim?: string;
  readonly key?: string;
  readonly json?: boolean;
}

function whole(name: string, text: string, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw new BursarError("invalid_request", `--${name} is ${JSON.stringify(text)}; it takes a whole number from 1 to ${max}.`);
}

function readSpeed(text: string): number {
  const speed = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  if (speed > 0) return speed;
  throw new BursarError("invalid_request", `--speed is ${JSON.stringify(text)}; it takes a number above 0, such as 60.`);
}

function readShare(text: string): number {
  const share = /^(0(\.\d{1,3})?|1(\.0{1,3})?)$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(share)) return Math.round(share * 1000);
  throw new BursarError("invalid_request", `--faults is ${JSON.stringify(text)}; it takes a share from 0 to 1, such as 0.1.`);
}

function targetOf(flags: ReplayFlags, needs: CliNeeds): Pick<ReplayOptions, "target"> {
  const { url, sim, key } = flags;
  if (url === undefined && sim === undefined && key === undefined) return {};
  if (url === undefined || sim === undefined || key === undefined)
    throw new BursarError(
      "invalid_request",
      "--url, --sim and --key go together: a gateway, its simulator and a key of the gateway.",
    );
  const plain = (address: string): string => address.replace(/\/+$/, "");
  return { target: { url: plain(url), simulator: plain(sim), key, adminToken: needs.env.BURSAR_ADMIN_TOKEN } };
}

async function replay(needs: CliNeeds, file: string, flags: ReplayFlags): Promise<ExitCode> {
  const options: ReplayOptions = {
    file,
    speed: readSpeed(flags.speed),
    agents: whole("agents", flags.agents, 10_000),
    ...(flags.limit === undefined ? {} : { limit: whole("limit", flags.limit, 100_000_000) }),
    seed: flags.seed,
    faults_permille: readShare(flags.faults),
    concurrency: whole("concurrency", flags.concurrency, 1024),
    ...targetOf(flags, needs),
  };
  const { runReplay } = await import("./replay/run-replay.js");
  const { checksOf, resultJson, shownResult } = await import("./replay/report.js");
  const stop = new AbortController();
  needs.stopped().then(() => {
    needs.stderr.write("Stopping: nothing more is sent; what is in flight is settled and compared first.\n");
    stop.abort();
  });
  const result = await runReplay(options, { stderr: needs.stderr, signal: stop.signal });
  if (flags.json === true) needs.stdout.write(`${JSON.stringify(resultJson(result))}\n`);
  else needs.stdout.write(blocksText(shownResult(result), colorsFor(needs.stdout, needs.env)));
  return checksOf(result).every((check) => check.ok) ? 0 : 1;
}

/** Adds `replay`: recorded traffic against a gateway, and both books compared. */
export function addReplay(program: Line, needs: CliNeeds, done: (code: ExitCode) => void): void {
  const line = new Line("replay")
    .summary("Replay recorded traffic and compare the ledger with the provider's bill")
    .description(
      "Replay recorded traffic (Azure, Mooncake or swe-agent traces) with a fleet of agents, by default against a gateway and a " +
        "simulated provider started for it, and compare the ledger with the provider's bill. Exit code 1 when a check fails.",
    )
    .argument("<file>", "trace; its format is read from the first line")
    .option("--speed <X>", "times faster than recorded", "60")
    .option("--agents <N>", "agents in the fleet", "25")
    .option("--limit <ROWS>", "replay no more rows than this")
    .option("--seed <SEED>", "the same seed makes the same calls", "bursar")
    .option("--faults <SHARE>", "share of calls that meet a fault of the provider or lose their client", "0")
    .option("--concurrency <N>", "calls in flight at most", "64")
    .option("--url <URL>", "use this gateway, with --sim and --key")
    .option("--sim <URL>", "its simulated provider; the bill there is cleared")
    .option("--key <KEY>", "a key of the gateway that may say by header who calls")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExample:\n  $ bursar replay azure_llm_2023_code.csv --speed 600 --agents 25");
  program.addCommand(line.action(async (file: string) => done(await replay(needs, file, line.opts<ReplayFlags>()))));
}
