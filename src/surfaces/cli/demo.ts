import { Command as Line } from "commander";
import { formatUsdShort } from "../../accounting/units/money.js";
import { type Block, left, right } from "../../desk/shown.js";
import type { Demo } from "./demo/run-demo.js";
import type { ExitCode } from "./failure.js";
import type { CliNeeds } from "./needs.js";
import { blocksText, colorsFor } from "./print.js";

interface DemoFlags {
  readonly port: string;
  readonly data?: string;
  readonly fast?: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
}

function shownDemo(demo: Demo): readonly Block[] {
  const { worked, tally, checks } = demo;
  return [
    {
      title: "What the agents did",
      columns: [left("Agent"), left("Type"), left("Task"), right("Calls"), right("Spent"), left("End")],
      rows: worked.map(({ agent, calls, spent, refusal }) => [
        agent.name,
        agent.type,
        agent.task,
        String(calls),
        formatUsdShort(spent),
        refusal === null ? "finished" : `stopped by ${refusal.budget ?? "a refusal"}`,
      ]),
    },
    {
      title: `Posted ${formatUsdShort(tally.spent.nano)}, billed ${formatUsdShort(tally.bill.nano)}`,
      columns: [left(""), left("Check"), left("Found")],
      rows: checks.map((check) => [check.ok ? "ok" : "FAILED", check.name, check.found]),
    },
  ];
}

async function demonstrate(needs: CliNeeds, flags: DemoFlags): Promise<ExitCode> {
  const { runDemo, demoJson } = await import("./demo/run-demo.js");
  const stop = new AbortController();
  const stopped = needs.stopped().then(() => stop.abort());
  const port = needs.env.BURSAR_PORT === undefined || needs.env.BURSAR_PORT === "" ? flags.port : needs.env.BURSAR_PORT;
  const data = flags.data === undefined ? {} : { data: flags.data };
  const say = (line: string): void => void needs.stderr.write(`${line}\n`);
  const demo = await runDemo({ port, fast: flags.fast === true, ...data }, { say, signal: stop.signal });
  if (flags.json === true) needs.stdout.write(`${JSON.stringify(demoJson(demo))}\n`);
  else needs.stdout.write(`\n${blocksText(shownDemo(demo), colorsFor(needs.stdout, needs.env))}`);
  const fine = stop.signal.aborted || demo.checks.every((check) => check.ok);
  if (flags.once !== true && !stop.signal.aborted) {
    say(`\nThe agents are done; Bursar goes on serving. Look around at ${demo.url}/ and stop with Ctrl-C.`);
    await stopped;
  }
  await demo.close();
  return fine ? 0 : 1;
}

/** Adds `demo`: a simulated fleet, one agent of which is stopped in its loop. */
export function addDemo(program: Line, needs: CliNeeds, done: (code: ExitCode) => void): void {
  const line = new Line("demo")
    .summary("Watch a simulated fleet, one agent of which is stopped in its loop")
    .description(
      "Serve a Bursar with a ledger of its own, let five simulated agents work, and show how the one that loops is stopped by " +
        "task-cap. Never calls a provider, whatever keys are set.",
    )
    .option("--port <PORT>", "port, 0 for any free one; BURSAR_PORT goes before it", "4141")
    .option("--data <DIR>", "keep the demo's ledger here, else it is deleted at the end")
    .option("--fast", "without pauses")
    .option("--once", "end when the agents are done")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExample:\n  $ bursar demo");
  program.addCommand(line.action(async () => done(await demonstrate(needs, line.opts<DemoFlags>()))));
}
