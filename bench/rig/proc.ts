/** What the kernel says of another process. Linux only: everything is read from /proc (proc(5)). */
import { readFileSync } from "node:fs";

/** Microseconds in a clock tick: USER_HZ is 100 on every Linux Node runs on. */
const TICK_US = 10_000;
const PAGE_BYTES = 4096;

/** CPU time of a process since it began, all threads, user and system, in microseconds; steps of 10 ms. Throws when it is gone. */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold blanks; fields are counted after it: utime is the 14th, stime the 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Resident memory of a process in bytes. Throws when it is gone. */
export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
}

/** Load average of the last minute: above 0.5 before a run, somebody else is using the machine. */
export function loadAverage(): number {
  return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
}
