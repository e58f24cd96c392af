import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { boundKey, openTestDesk, type TestDesk } from "../../../test/desk-fixtures.js";
import { caller, ceiling, hold, post } from "../../../test/ledger-fixtures.js";
import { BursarError } from "../../accounting/errors.js";
import { DESK_TABLE } from "../../desk/table.js";
import { openControl } from "../control/open-control.js";
import type { CliNeeds } from "./needs.js";
import { runCli } from "./run-cli.js";

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function needsOf(desk: TestDesk, over: Partial<CliNeeds> = {}): { needs: CliNeeds; said: () => Omit<Said, "code"> } {
  let out = "";
  let err = "";
  const unused = (): never => {
    throw new Error("not used by this test");
  };
  const needs: CliNeeds = {
    argv: [],
    env: { USER: "ada" },
    cwd: "/tmp",
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    version: "9.9.9",
    readServer: async () => null,
    configuredToken: () => null,
    openStandalone: async () => ({
      desk: desk.needs,
      findKey: (token) => (token === "cx-key" ? boundKey : null),
      close: async () => undefined,
    }),
    openServer: unused,
    openSimulator: unused,
    stopped: () => new Promise(() => undefined),
    ...over,
  };
  return { needs, said: () => ({ out, err }) };
}

async function run(desk: TestDesk, line: string, over: Partial<CliNeeds> = {}): Promise<Said> {
  const { needs, said } = needsOf(desk, over);
  const argv = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
  const code = await runCli({ ...needs, argv });
  return { code, ...said() };
}

/** A real control plane over the desk, with its address and admin token. */
async function serve(desk: TestDesk) {
  const auth = { adminToken: () => "t0ken", findKey: (token: string) => (token === "cx-key" ? boundKey : null) };
  const control = openControl({ table: DESK_TABLE, needs: desk.needs, auth, fault: (error) => expect(error).toBeNull() });
  const server = createServer(control.listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    control.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

async function withCalls(): Promise<TestDesk> {
  const desk = await openTestDesk();
  await desk.ledger.apply([
    hold("paid", ceiling(1000, 500)),
    post("paid", { input: 900, output: 100 }),
    hold("lost", ceiling(100, 0)),
    { type: "presume", attempt_id: "lost.1", reason: "timeout" },
    hold("dear", ceiling(0, 9_000_000), { attribution: caller({ agent: "greedy" }) }),
  ]);
  return desk;
}

test("without a server the ledger is opened in this process, and answers go to stdout alone", async () => {
  const desk = await withCalls();
  const status = await run(desk, "status");
  expect(status).toMatchObject({ code: 0, err: "" });
  expect(status.out).toMatch(/Agent +Calls +Refused +Input +Output +Total Tokens +Cost \(USD\)/);
  expect(status.out).toMatch(/greedy +0 +1 /);
  const json = await run(desk, "status --json");
  expect(JSON.parse(json.out)).toMatchObject({ global: { total_cost_usd: "0.0011" } });
  await desk.close();
});

test("every command of the table answers the same by --json in process and over HTTP", async () => {
  const desk = await withCalls();
  const server = await serve(desk);
  const lines = [
    "status",
    "budget list",
    "budget show day",
    "account list",
    "call list",
    "call explain paid",
    "hold list",
    "price gpt-4o",
  ];
  for (const line of [...lines, "estimate --model gpt-4o --model gpt-4o-mini --tasks 10", "verify", "me --key cx-key"]) {
    const here = await run(desk, `${line} --json`);
    const token = line.startsWith("me") ? "" : " --token t0ken";
    const there = await run(desk, `${line} --json --url ${server.url}${token}`);
    expect(there, line).toEqual(here);
    expect(JSON.parse(here.out), line).toBeTypeOf("object");
  }
  await server.close();
  await desk.close();
});

test("the server on the data directory is found by itself, with the token the configuration names", async () => {
  const desk = await withCalls();
  const server = await serve(desk);
  const asked: string[] = [];
  const found: Partial<CliNeeds> = {
    readServer: async (directory) => {
      asked.push(directory);
      return server.url;
    },
    configuredToken: () => "t0ken",
    openStandalone: () => Promise.reject(new Error("must attach")),
  };
  expect((await run(desk, "budget raise day 5 --reason more", found)).out).toContain("now allows $15.00 for good");
  expect((await run(desk, "status --data elsewhere", found)).code).toBe(0);
  expect(asked).toEqual(["/tmp/.bursar", "/tmp/elsewhere"]);
  expect(desk.ledger.state().budgets.get("day")?.raises[0]).toMatchObject({ actor: "admin", reason: "more" });
  const refused = await run(desk, "status", { ...found, configuredToken: () => null });
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toContain("BURSAR_ADMIN_TOKEN");
  expect((await run(desk, "status", { ...found, configuredToken: () => null, env: { BURSAR_ADMIN_TOKEN: "t0ken" } })).code).toBe(
    0,
  );
  await server.close();
  await desk.close();
});

test("changes are made under the name of who runs the line, and can be previewed", async () => {
  const desk = await withCalls();
  const preview = await run(desk, "budget raise day 5 --preview");
  expect(preview.out).toBe('Budget "day" would go from $10.00 to $15.00 for good.\n');
  expect((await run(desk, 'hold resolve lost.1 --post 0.00005 --output-tokens 3 --reason "on the bill"')).out).toContain(
    "posted at $0.00005",
  );
  expect((await desk.ledger.readCall("lost")).at(-1)).toMatchObject({
    actor: "cli:ada",
    reason: "on the bill",
    usage: { output_text: 3, input_fresh: 100 },
  });
  expect((await run(desk, "budget lower day 2.5 --until 2h")).out).toContain("$7.50 until 2026-11-24T14:00:00.000Z");
  expect((await run(desk, "budget raise day -1")).out).toContain("$6.50");
  await desk.close();
});

test("exit codes tell what went wrong: 1 fault, 2 usage, 3 refused by a budget", async () => {
  const desk = await withCalls();
  const codes = async (line: string, over?: Partial<CliNeeds>) => (await run(desk, line, over)).code;
  expect(await codes("call explain none")).toBe(1);
  expect(await codes("stats")).toBe(2);
  expect(await codes("status --colour")).toBe(2);
  expect(await codes("budget raise day")).toBe(2);
  expect(await codes("budget raise day nothing")).toBe(2);
  expect(await codes("hold resolve lost.1 --void")).toBe(2);
  expect(await codes("budget")).toBe(2);
  expect(await codes("me")).toBe(2);
  expect(await codes("--help")).toBe(0);
  expect(await codes("help status")).toBe(0);
  expect(await codes("status --url http://127.0.0.1:9")).toBe(1);
  const refused = () => Promise.reject(new BursarError("budget_exceeded", "No room."));
  expect(await codes("status", { openStandalone: refused })).toBe(3);
  expect(await codes("status", { openStandalone: () => Promise.reject(new Error("broken")) })).toBe(1);
  await desk.close();
});

test("what is wrong is said on stderr with the way out; --json answers the error on stdout as well", async () => {
  const desk = await withCalls();
  expect((await run(desk, "statsu")).err).toContain("Did you mean status?");
  expect((await run(desk, "budget shwo day")).err).toContain("See: bursar budget --help");
  expect((await run(desk, "budget raise")).err).toContain("See: bursar budget raise --help");
  const away = await run(desk, "status --url http://127.0.0.1:9");
  expect(away.err).toContain("bursar up");
  const json = await run(desk, "budget show none --json");
  expect(JSON.parse(json.out)).toMatchObject({ error: { code: "not_found", details: { budget: "none" } } });
  expect(json.err).toContain("Known: day.");
  await desk.close();
});

test("every command has help with an example that works", async () => {
  const desk = await withCalls();
  for (const command of DESK_TABLE) {
    const { code, out } = await run(desk, `${command.name} --help`);
    expect(code, command.name).toBe(0);
    expect(out, command.name).toContain(`Example:\n  $ ${command.cli.example}`);
    expect(out, command.name).toContain("--json");
  }
  for (const name of ["up", "simulator", "version"]) expect((await run(desk, `${name} --help`)).out).toContain("Example:");
  for (const line of ["budgets", "accounts", "calls", "holds", "explain paid"])
    expect((await run(desk, line)).code, line).toBe(0);
  await desk.close();
});

test("J7: a hostile name moves no cursor and colours nothing", async () => {
  const desk = await openTestDesk();
  const agent = "\u001b[31mred\u0007\u202Egnp.exe\nforged line";
  await desk.ledger.apply([hold("one", ceiling(1, 0), { attribution: caller({ agent }) })]);
  const { out } = await run(desk, "calls");
  expect(out).toContain("\\u{1b}[31mred\\u{7}\\u{202e}gnp.exe\\u{a}forged line");
  expect([...out].filter((char) => char !== "\n" && /\p{C}/u.test(char))).toEqual([]);
  await desk.close();
});

test("colour is for terminals, and NO_COLOR turns it off", async () => {
  const desk = await withCalls();
  const colours = async (env: Record<string, string>, isTTY: boolean) => {
    let out = "";
    const { needs } = needsOf(desk, { env, stdout: { write: (text: string) => (out += text), isTTY } });
    await runCli({ ...needs, argv: ["status"] });
    return out.includes("\u001b[");
  };
  expect(await colours({}, true)).toBe(true);
  expect(await colours({ NO_COLOR: "1" }, true)).toBe(false);
  expect(await colours({}, false)).toBe(false);
  await desk.close();
});

test("events are followed until the person stops, in process and over HTTP", async () => {
  const desk = await withCalls();
  const server = await serve(desk);
  for (const where of ["", ` --url ${server.url} --token t0ken`]) {
    let stop: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    let out = "";
    const stdout = {
      write: (text: string) => {
        out += text;
        if (out.split("\n").length > 3) stop();
      },
    };
    const { code, err } = await run(
      desk,
      `events --after 1 --type call.refused --type call.presumed --type call.posted${where}`,
      { stdout, stopped: () => stopped },
    );
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.split("\n").map((line) => line.split("  ")[1])).toEqual([
      "call.posted",
      "call.presumed",
      "call.refused",
      undefined,
    ]);
  }
  await server.close();
  await desk.close();
});

test("up prints the box once, serves until asked to stop, and closes", async () => {
  const desk = await withCalls();
  let closed = false;
  const close = async (): Promise<void> => {
    closed = true;
  };
  const flags: unknown[] = [];
  const over: Partial<CliNeeds> = {
    stopped: () => Promise.resolve(),
    openServer: async (given) => {
      flags.push(given);
      const facts = { ...desk.facts, config_path: null };
      const budgets = [...desk.ledger.state().budgets.values()].map((one) => one.budget);
      return { url: "http://127.0.0.1:4141", facts, budgets, close };
    },
  };
  const said = await run(desk, "up --port 4141 --data here", over);
  expect(said.code).toBe(0);
  expect(flags).toEqual([{ port: "4141", data: "here" }]);
  expect(closed).toBe(true);
  expect(said.out.match(/╭/g)).toHaveLength(1);
  for (const line of [
    "curl http://127.0.0.1:4141/v1/chat/completions",
    "new OpenAI({",
    "OpenAI(base_url=",
    "npm run demo",
    "day: $10.00 a day, hard",
    "sim simulated",
  ]) {
    expect(said.out).toContain(line);
  }
  const taken = await run(desk, "up", {
    openServer: () => Promise.reject(Object.assign(new Error("listen"), { code: "EADDRINUSE" })),
  });
  expect(taken).toMatchObject({ code: 1, out: "" });
  expect(taken.err).toContain("--port N");
  await desk.close();
});

test("the simulator is served by its flags, and wrong ones are usage", async () => {
  const desk = await openTestDesk();
  const flags: unknown[] = [];
  const over: Partial<CliNeeds> = {
    stopped: () => Promise.resolve(),
    openSimulator: async (given) => {
      flags.push(given);
      return { url: "http://127.0.0.1:5", close: async () => undefined };
    },
  };
  expect((await run(desk, "simulator --port 5 --seed s --latency none", over)).out).toContain("http://127.0.0.1:5/sim/bill");
  expect(flags).toEqual([{ port: 5, seed: "s", latency: "none" }]);
  expect((await run(desk, "simulator --port many", over)).code).toBe(2);
  expect((await run(desk, "simulator --latency slow", over)).code).toBe(2);
  expect(await run(desk, "version")).toEqual({ code: 0, out: "bursar 9.9.9\n", err: "" });
  await desk.close();
});
