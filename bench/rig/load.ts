/** The load generator, a process of its own: closed loop over N connections, or open loop at a rate. */
import { connect, type Socket } from "node:net";
import { percentile } from "./figures.js";
import { openReplyReader } from "./reply-reader.js";

/** A request as bytes are made of it. */
export interface LoadTarget {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Closed: each connection asks again as soon as it is answered, for a time or a number of calls. Open: at a rate, whatever is still unanswered. */
export type LoadQuestion =
  | {
      readonly loop: "closed";
      readonly target: LoadTarget;
      readonly connections: number;
      readonly seconds?: number;
      readonly calls?: number;
    }
  | { readonly loop: "open"; readonly target: LoadTarget; readonly perSecond: number; readonly seconds: number };

/** What became of a load. Latencies in milliseconds, from the write of a request to the last byte of its answer. */
export interface LoadAnswer {
  readonly calls: number;
  readonly failed: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** How late the generator itself was with a request, at its 99th percentile; open loop only. */
  readonly lateP99: number;
}

/** The bytes of a request. */
export function requestBytes({ headers, body }: LoadTarget): Buffer {
  const bytes = Buffer.from(body, "utf8");
  const lines = Object.entries({ host: "127.0.0.1", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head =
    `POST /v1/chat/completions HTTP/1.1\r\n${lines.join("")}content-type: application/json\r\n` +
    `content-length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), bytes]);
}

interface Caller {
  readonly socket: Socket;
  readonly idle: () => boolean;
  call(): void;
}

/** One connection; `done` is told of every answer, and of -1 when the connection breaks. */
function openCaller(target: LoadTarget, bytes: Buffer, done: (status: number, milliseconds: number) => void): Caller {
  const socket = connect({ port: target.port, host: "127.0.0.1", noDelay: true });
  let asked: number | null = null;
  const answered = (status: number): void => {
    const since = asked ?? performance.now();
    asked = null;
    done(status, performance.now() - since);
  };
  socket.on("data", openReplyReader({ end: answered }));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    if (asked !== null) answered(-1);
  });
  return {
    socket,
    idle: () => asked === null && !socket.destroyed,
    call() {
      asked = performance.now();
      socket.write(bytes);
    },
  };
}

function summary(latencies: number[], of: { failed: number; seconds: number; late: number[] }): LoadAnswer {
  latencies.sort((a, b) => a - b);
  of.late.sort((a, b) => a - b);
  return {
    calls: latencies.length,
    failed: of.failed,
    seconds: of.seconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    lateP99: of.late.length === 0 ? 0 : percentile(of.late, 0.99),
  };
}

async function closedLoop(question: Extract<LoadQuestion, { loop: "closed" }>): Promise<LoadAnswer> {
  const { target, connections } = question;
  const bytes = requestBytes(target);
  const latencies: number[] = [];
  let failed = 0;
  const began = performance.now();
  const until = question.seconds === undefined ? Number.POSITIVE_INFINITY : began + question.seconds * 1000;
  let allowed = question.calls ?? Number.POSITIVE_INFINITY;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const next = (): void => {
        if (allowed > 0 && performance.now() < until && !caller.socket.destroyed) {
          allowed--;
          caller.call();
        } else {
          caller.socket.destroy();
          resolve();
        }
      };
      const caller = openCaller(target, bytes, (status, milliseconds) => {
        if (status === 200) latencies.push(milliseconds);
        else failed++;
        next();
      });
      caller.socket.once("connect", next);
      caller.socket.once("close", () => resolve());
    });
  await Promise.all(Array.from({ length: connections }, one));
  return summary(latencies, { failed, seconds: (performance.now() - began) / 1000, late: [] });
}

/** Longest wait for what is still unanswered when the time is over. */
const REST_MS = 5_000;

async function openLoop(question: Extract<LoadQuestion, { loop: "open" }>): Promise<LoadAnswer> {
  const { target, perSecond, seconds } = question;
  const bytes = requestBytes(target);
  const latencies: number[] = [];
  const late: number[] = [];
  const callers: Caller[] = [];
  let failed = 0;
  let unanswered = 0;
  const idle: Caller[] = [];
  const add = (): Caller => {
    const caller = openCaller(target, bytes, (status, milliseconds) => {
      unanswered--;
      if (status === 200) latencies.push(milliseconds);
      else failed++;
      if (caller.idle()) idle.push(caller);
    });
    callers.push(caller);
    return caller;
  };
  // Connections are there before the first request, so that connecting is not measured.
  for (let n = 0; n < 64; n++) idle.push(add());
  await Promise.all(callers.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))));
  const total = Math.round(perSecond * seconds);
  const began = performance.now();
  let sent = 0;
  while (sent < total) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const now = performance.now() - began;
    for (; sent < total && (sent * 1000) / perSecond <= now; sent++) {
      late.push(now - (sent * 1000) / perSecond);
      unanswered++;
      (idle.pop() ?? add()).call();
    }
  }
  const rest = performance.now() + REST_MS;
  while (unanswered > 0 && performance.now() < rest) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const { socket } of callers) socket.destroy();
  return summary(latencies, { failed: failed + unanswered, seconds: (performance.now() - began) / 1000, late });
}

/** The role of the load generator. */
export function openLoad(): (question: LoadQuestion) => Promise<LoadAnswer> {
  return (question) => (question.loop === "closed" ? closedLoop(question) : openLoop(question));
}
