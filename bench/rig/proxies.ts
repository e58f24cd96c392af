/** The proxies that are compared, all in front of the same upstream. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { openBareProxy } from "./bare-proxy.js";
import { type LoadTarget, openLoad } from "./load.js";
import { freePort, type Rig, type Role } from "./rig.js";
import { openStreamReader } from "./stream-reader.js";
import { openUpstream } from "./upstream.js";

/** What can be put before the upstream. `direct` is nothing. */
export const PROXY_NAMES = ["direct", "nginx", "bare", "portkey", "bursar"] as const;
export type ProxyName = (typeof PROXY_NAMES)[number];

/** A running proxy. */
export interface RunningProxy {
  readonly name: ProxyName;
  readonly port: number;
  /** Null for `direct`: the upstream's own cost is not measured. */
  readonly pid: number | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** The parts the processes of the proxy benchmarks play. */
export function proxyRoles(): Readonly<Record<string, Role>> {
  return { upstream: openUpstream(), "bare-proxy": openBareProxy(), load: openLoad(), "stream-reader": openStreamReader() };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status < 500;
  } catch {
    // Not listening yet is an answer, not a fault.
    return false;
  }
}

/** Where nginx is, or null. */
function nginxBinary(): string | null {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin"];
  return folders.map((folder) => join(folder, "nginx")).find((path) => existsSync(path)) ?? null;
}

interface NginxSettings {
  readonly directory: string;
  readonly port: number;
  readonly upstreamPort: number;
  readonly streams: boolean;
}

/** One process, keep-alive on both sides, no log: nginx at its best. Answers are buffered, as by default; streams are passed on at once. */
function nginxConfig(of: NginxSettings): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${of.directory}/${name};`,
  );
  return `daemon off; master_process off; pid ${of.directory}/nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; client_max_body_size 32m; client_body_buffer_size 256k; keepalive_requests 10000000;
${paths.join("\n")}
  upstream provider { server 127.0.0.1:${of.upstreamPort}; keepalive 512; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${of.port} backlog=1024;
    location / {
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering ${of.streams ? "off" : "on"};
    }
    location = /healthz { return 200; }
  }
}
`;
}

async function startNginx(rig: Rig, upstreamPort: number, streams: boolean): Promise<RunningProxy | null> {
  const binary = nginxBinary();
  if (binary === null) return null;
  const port = await freePort();
  const directory = join(rig.directory, "nginx");
  mkdirSync(directory);
  const path = join(directory, "nginx.conf");
  writeFileSync(path, nginxConfig({ directory, port, upstreamPort, streams }));
  const healthy = (): Promise<boolean> => answers(`http://127.0.0.1:${port}/healthz`);
  const pid = await rig.program([binary, "-c", path, "-p", directory, "-e", "stderr"], { healthy });
  return { name: "nginx", port, pid, headers: {} };
}

async function startPortkey(rig: Rig, upstreamPort: number): Promise<RunningProxy> {
  const port = await freePort();
  const script = resolve("bench/node_modules/@portkey-ai/gateway/build/start-server.js");
  const healthy = (): Promise<boolean> => answers(`http://127.0.0.1:${port}/`);
  const env = { NODE_ENV: "production" };
  const pid = await rig.program([process.execPath, script, `--port=${port}`, "--headless"], { healthy, env });
  const headers = {
    authorization: "Bearer bench",
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": `http://127.0.0.1:${upstreamPort}/v1`,
  };
  return { name: "portkey", port, pid, headers };
}

/** Organisation, team, agent, task, key and rate: six hard budgets, every one over every call. */
const BURSAR_CONFIG = `version: 1
prices: prices.yaml
providers:
  local: { kind: openai-compatible, base_url: "http://127.0.0.1:UPSTREAM/v1" }
keys:
  - { name: bench, token: bench-token, team: cx, attribution: headers }
budgets:
  - { name: org-month, limit: { usd: 9000000 }, window: month }
  - { name: team-week, per: [team], limit: { usd: 9000000 }, window: week }
  - { name: agent-day, per: [agent], limit: { tokens: 9000000M }, window: day }
  - { name: task-cap, per: [task], limit: { usd: 9000000 } }
  - { name: key-month, per: [key], limit: { usd: 9000000 }, window: month }
  - { name: rate, per: [agent], limit: { requests: 900M }, window: rolling 1m }
server: { port: PORT }
`;
const BURSAR_PRICES = `version: 1
prices:
  - { model: local/gpt-bench, input: 2.50, output: 10, context_window: 1000000, output_max: 100000 }
`;

/** How a Bursar is started and where it will listen. */
interface BursarCommand {
  readonly command: readonly string[];
  readonly port: number;
}

/** Writes a configuration with six hard budgets into the rig's directory and answers how Bursar is started with it. */
export async function bursarCommand(rig: Rig, upstreamPort: number, nodeFlags: readonly string[] = []): Promise<BursarCommand> {
  const binary = resolve("dist/surfaces/cli/bin.js");
  if (!existsSync(binary)) throw new Error("dist/ has no Bursar; run `npm run build` first.");
  const port = await freePort();
  const directory = join(rig.directory, `bursar-${port}`);
  mkdirSync(directory);
  const path = join(directory, "bursar.yaml");
  const filled = BURSAR_CONFIG.replace("UPSTREAM", String(upstreamPort)).replace("PORT", String(port));
  writeFileSync(path, filled);
  writeFileSync(join(directory, "prices.yaml"), BURSAR_PRICES);
  const data = join(directory, "data");
  return { command: [process.execPath, ...nodeFlags, binary, "up", "--config", path, "--data", data], port };
}

/** Ends Bursar in an orderly way, which is when it writes its profiles. */
export async function endBursar(rig: Rig, proxies: readonly RunningProxy[]): Promise<void> {
  for (const { name, pid } of proxies) if (name === "bursar" && pid !== null) await rig.end(pid);
}

/** True once a Bursar answers on a port. */
export const bursarHealthy = (port: number): Promise<boolean> => answers(`http://127.0.0.1:${port}/healthz`);

async function startBursar(rig: Rig, upstreamPort: number, profile: string | undefined): Promise<RunningProxy> {
  const flags = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  const { command, port } = await bursarCommand(rig, upstreamPort, flags);
  const pid = await rig.program(command, { healthy: () => bursarHealthy(port) });
  const headers = { authorization: "Bearer bench-token", "x-bursar-agent": "agent-1", "x-bursar-task": "task-1" };
  return { name: "bursar", port, pid, headers };
}

async function startBare(rig: Rig, upstreamPort: number): Promise<RunningProxy> {
  const player = rig.player("bare-proxy");
  return { name: "bare", port: await player.ask<number>({ upstreamPort }), pid: player.pid, headers: {} };
}

/** Which proxies, for answers or for streams, and where Bursar's CPU profiles go; without `profile` none are taken. */
export interface StartOptions {
  readonly names: readonly ProxyName[];
  readonly streams: boolean;
  readonly profile?: string;
}

/** Starts the named proxies; one that is not installed here is left out, and said. */
export async function startProxies(rig: Rig, upstreamPort: number, options: StartOptions): Promise<readonly RunningProxy[]> {
  const started: RunningProxy[] = [];
  for (const name of options.names) {
    if (name === "direct") started.push({ name, port: upstreamPort, pid: null, headers: {} });
    else if (name === "bare") started.push(await startBare(rig, upstreamPort));
    else if (name === "portkey") started.push(await startPortkey(rig, upstreamPort));
    else if (name === "bursar") started.push(await startBursar(rig, upstreamPort, options.profile));
    else {
      const nginx = await startNginx(rig, upstreamPort, options.streams);
      if (nginx === null) console.error("nginx is not installed: its figures are left out.");
      else started.push(nginx);
    }
  }
  return started;
}

/** The proxy names in `text` (comma-separated), or all. Throws RangeError on one that is none. */
export function readNames(text: string | undefined): readonly ProxyName[] {
  if (text === undefined) return PROXY_NAMES;
  return text.split(",").map((name) => {
    const known = PROXY_NAMES.find((each) => each === name);
    if (known === undefined) throw new RangeError(`"${name}" is none of ${PROXY_NAMES.join(", ")}`);
    return known;
  });
}

/** The request that every proxy is sent. `promptBytes` of English; `stream` asks for events. */
export function targetOf(proxy: RunningProxy, of: { readonly promptBytes: number; readonly stream: boolean }): LoadTarget {
  const sentence = "Please tell me in one sentence why the sky is blue when the sun stands high, and red when it sets. ";
  const content = sentence.repeat(Math.ceil(of.promptBytes / sentence.length)).slice(0, of.promptBytes);
  // Bursar's models of local servers carry the provider's name; the others pass whatever name on.
  const model = proxy.name === "bursar" ? "local/gpt-bench" : "gpt-bench";
  const body = JSON.stringify({
    model,
    stream: of.stream,
    ...(of.stream ? { stream_options: { include_usage: true } } : {}),
    max_tokens: of.stream ? 50_000 : 128,
    messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content },
    ],
  });
  return { port: proxy.port, headers: proxy.headers, body };
}
