import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** What one system call did to a file, or was said to a client. `start` and `end` are lines of the trace. */
export interface Call {
  readonly name: string;
  readonly start: number;
  /** Infinity when it never returned. */
  end: number;
  /** What it was called with, as strace prints it. */
  readonly args: string;
  /** What it answered; null when it never did. */
  result: number | null;
}

const TRACED =
  "openat,mkdir,unlink,write,pwrite64,writev,pwritev,ftruncate,fallocate,fsync,fdatasync,sync_file_range,rename,copy_file_range";
const WHOLE = /^(\d+) +(\w+)\((.*)\) += (-?\d+)/;
const BEGUN = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>.*\) += (-?\d+)/;

/** The text behind strace's `-xx`: every byte of every string in hexadecimal. */
export function bytesOf(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll("\\x", ""), "hex");
}

/** Puts the lines of `strace -f` together into calls, in the order in which they began. */
export function readTrace(text: string): Call[] {
  const calls: Call[] = [];
  const open = new Map<string, Call>();
  for (const [at, line] of text.split("\n").entries()) {
    const whole = WHOLE.exec(line);
    if (whole !== null) {
      const [, , name = "", args = "", result] = whole;
      calls.push({ name, args, start: at, end: at, result: Number(result) });
      continue;
    }
    const begun = BEGUN.exec(line);
    if (begun !== null) {
      const [, pid, name = "", args = ""] = begun;
      const call: Call = { name, args, start: at, end: Number.POSITIVE_INFINITY, result: null };
      open.set(`${pid} ${name}`, call);
      calls.push(call);
      continue;
    }
    const resumed = RESUMED.exec(line);
    const call = resumed === null ? undefined : open.get(`${resumed[1]} ${resumed[2]}`);
    if (call === undefined || resumed === null) continue;
    call.end = at;
    call.result = Number(resumed[3]);
  }
  return calls;
}

/** Runs a script under strace until it has said so many lines that begin with `word`, kills it, and answers its calls. */
export async function traceUntil(of: { script: string; args: readonly string[]; log: string; word: string; lines: number }) {
  const options = ["-f", "-qq", "-y", "-xx", "-s", "1048576", "--seccomp-bpf", "-o", of.log, "-e", `trace=${TRACED}`];
  // Told by the shell that becomes the process: killed itself, strace would leave it running.
  const shell = ["/bin/sh", "-c", 'echo "pid $$"; exec "$0" "$@"', process.execPath, of.script, ...of.args];
  const child = spawn("strace", [...options, ...shell], { stdio: ["ignore", "pipe", "inherit"] });
  // Without strace nothing is shown, so its absence fails the run.
  const gone = once(child, "close");
  let pid = 0;
  let left = of.lines;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("pid ")) pid = Number(line.slice(4));
    if (line.startsWith(of.word)) left -= 1;
    if (left === 0) process.kill(pid, "SIGKILL");
  }
  await gone;
  if (left > 0) throw new Error(`The traced process ended ${left} lines too early.`);
  return readTrace(readFileSync(of.log, "latin1"));
}
