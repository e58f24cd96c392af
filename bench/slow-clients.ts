/**
 * How late calls become while thousands of clients send their requests byte by byte: p99 at a steady rate with nobody else
 * and with 5,000 slow headers, 1,000 slow bodies and 1,000 idle connections, in alternating rounds of the same run. Slow
 * clients that were ended come again. Runs dist/ (build first). `npm run -s bench -- slow-clients [--headers 5000]
 * [--bodies 1000] [--idle 1000] [--rate 200] [--seconds 15] [--rounds 3] [--json]`
 */
import { connect, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { median, report, shown } from "./rig/figures.js";
import type { LoadAnswer } from "./rig/load.js";
import { cpuMicros, loadAverage } from "./rig/proc.js";
import { proxyRoles, type RunningProxy, startProxies, targetOf } from "./rig/proxies.js";
import { openRig, playRole, type Rig } from "./rig/rig.js";

/** Each slow client says one byte more in that time. */
const DRIP_MS = 5_000;
const TICK_MS = 50;

type Question =
  | { readonly ask: "begin"; readonly port: number; readonly headers: number; readonly bodies: number; readonly idle: number }
  | { readonly ask: "end" };

/** What became of the slow clients. */
interface SlowAnswer {
  readonly open: number;
  /** Ended by the gateway with 408. */
  readonly ended: number;
  /** Ended in another way, or never connected. */
  readonly lost: number;
}

/** The role of the slow clients. `begin` answers once all are connected. */
function openSlowClients(): (question: Question) => Promise<SlowAnswer> {
  const sockets = new Set<Socket>();
  let counted = { ended: 0, lost: 0 };
  let running = false;
  let dripping: NodeJS.Timeout | null = null;

  function add(port: number, kind: "headers" | "bodies" | "idle"): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        sockets.add(socket);
        const start = "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer bench-token\r\n";
        if (kind !== "idle") socket.write(kind === "headers" ? start : `${start}content-length: 1000\r\n\r\n`);
        resolve();
      });
      let said = "";
      socket.setEncoding("latin1").on("data", (text: string) => {
        said += text;
      });
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        resolve();
        if (!running) return;
        // An idle connection is ended without a word.
        if (kind === "idle" || said.startsWith("HTTP/1.1 408")) counted.ended++;
        else counted.lost++;
        void add(port, kind);
      });
    });
  }

  function drip(): void {
    let turn = 0;
    dripping = setInterval(() => {
      let at = 0;
      // Idle connections are as idle to the gateway with or without what would begin a request on them.
      for (const socket of sockets) if (at++ % (DRIP_MS / TICK_MS) === turn && socket.bytesWritten > 0) socket.write("x");
      turn = (turn + 1) % (DRIP_MS / TICK_MS);
    }, TICK_MS);
  }

  return async (question) => {
    if (question.ask === "begin") {
      counted = { ended: 0, lost: 0 };
      running = true;
      // A hundred at a time: a gateway's backlog is not what is measured.
      for (const kind of ["headers", "bodies", "idle"] as const)
        for (let left = question[kind]; left > 0; left -= 100)
          await Promise.all(Array.from({ length: Math.min(100, left) }, () => add(question.port, kind)));
      drip();
    } else {
      running = false;
      if (dripping !== null) clearInterval(dripping);
      for (const socket of sockets) socket.destroy();
    }
    return { open: sockets.size, ...counted };
  };
}

interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly cpuMicros: number;
}

async function run(rig: Rig): Promise<void> {
  const { values } = parseArgs({
    options: {
      headers: { type: "string", default: "5000" },
      bodies: { type: "string", default: "1000" },
      idle: { type: "string", default: "1000" },
      rate: { type: "string", default: "200" },
      seconds: { type: "string", default: "15" },
      rounds: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
    },
  });
  const upstreamPort = await rig.player("upstream").ask<number>({ ask: "listen", eventsPerSecond: 100 });
  const [proxy] = (await startProxies(rig, upstreamPort, { names: ["bursar"], streams: false })) as [RunningProxy];
  const load = rig.player("load");
  const slow = rig.player("slow-clients");
  const target = targetOf(proxy, { promptBytes: 400, stream: false });
  const [perSecond, seconds] = [Number(values.rate), Number(values.seconds)];
  const before = loadAverage();
  const rounds: Record<"alone" | "beside", Round[]> = { alone: [], beside: [] };
  const slowly: SlowAnswer[] = [];
  const measure = async (name: keyof typeof rounds): Promise<void> => {
    const cpu = cpuMicros(proxy.pid ?? 0);
    const answer = await load.ask<LoadAnswer>({ loop: "open", target, perSecond, seconds });
    if (answer.failed > 0) throw new Error(`${answer.failed} calls failed ${name}`);
    rounds[name].push({ p50: answer.p50, p99: answer.p99, cpuMicros: (cpuMicros(proxy.pid ?? 0) - cpu) / answer.calls });
  };
  await load.ask<LoadAnswer>({ loop: "open", target, perSecond, seconds: 3 });
  for (let round = 0; round < Number(values.rounds); round++) {
    await measure("alone");
    const { headers, bodies, idle } = values;
    const begin = { ask: "begin", port: proxy.port, headers: Number(headers), bodies: Number(bodies), idle: Number(idle) };
    await slow.ask<SlowAnswer>(begin);
    await measure("beside");
    slowly.push(await slow.ask<SlowAnswer>({ ask: "end" }));
    // Their connections are closed before the next measure alone.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const middle = (name: keyof typeof rounds, figure: keyof Round): number => median(rounds[name].map((each) => each[figure]));
  const row = (name: keyof typeof rounds) => ({
    p50_ms: shown(middle(name, "p50")),
    p99_ms: shown(middle(name, "p99")),
    cpu_us_per_call: shown(middle(name, "cpuMicros")),
    p99_to_alone: shown(middle(name, "p99") / middle("alone", "p99")),
  });
  const tables = {
    load_average_before: before,
    [`${perSecond} calls a second`]: { alone: row("alone"), "beside slow clients": row("beside") },
    "slow clients": { open_at_end: median(slowly.map((each) => each.open)), ...sums(slowly) },
  };
  report("slow-clients", tables, values.json);
}

function sums(slowly: readonly SlowAnswer[]): { ended_with_408: number; lost: number } {
  const sum = (figure: "ended" | "lost"): number => slowly.reduce((total, each) => total + each[figure], 0);
  return { ended_with_408: sum("ended"), lost: sum("lost") };
}

if (!playRole({ ...proxyRoles(), "slow-clients": openSlowClients() })) {
  const rig = openRig();
  try {
    await run(rig);
  } finally {
    rig.close();
  }
}
