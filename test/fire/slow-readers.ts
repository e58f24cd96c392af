import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Ask } from "./asks.js";

/** A client whose window is shut, or that takes a byte now and then. */
export interface SlowReader {
  /** Resolves when the gateway has closed the connection. */
  readonly closed: Promise<unknown>;
  destroy(): void;
}

/** Asks for a stream on a bare socket and reads nothing of it; `everyMs`: a byte each so often. */
export async function openSlowReader(of: {
  port: number;
  ask: Ask;
  user: string;
  hostile: string;
  everyMs: number | null;
}): Promise<SlowReader> {
  const { port, ask, user, hostile, everyMs } = of;
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => socket.destroy());
  await once(socket, "connect");
  socket.pause();
  const body = JSON.stringify(ask.body({ stream: true, cap: 400 }));
  const headers = { ...ask.headers, "content-type": "application/json", "x-bursar-user": user, "x-sim-hostile": hostile };
  const lines = Object.entries({ host: "bursar", ...headers, "content-length": String(Buffer.byteLength(body)) });
  socket.write(`POST ${ask.path(true)} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`);
  const timer = everyMs === null ? null : setInterval(() => socket.read(1), everyMs);
  const closed = new Promise((resolve) => socket.on("close", resolve));
  closed.then(() => {
    if (timer !== null) clearInterval(timer);
  });
  return { closed, destroy: () => socket.destroy() };
}
