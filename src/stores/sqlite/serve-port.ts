/** The worker's side of a conversation: one question after the other. Money path: fails closed. */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { failureOf, type Reply, type Request, RINGS, STOP } from "./messages.js";

/** What a worker can be asked. */
export type Verbs = Readonly<Record<string, (argument: never) => unknown>>;

function nothing(): void {}

/**
 * Answers questions from a port until it has answered `close` or is told to stop, and then returns, which ends the thread.
 * Nobody may end it from outside: the driver's native code aborts the whole process when its thread is terminated under it
 * (libsql 0.5, neon 1.0: "assertion failed: PendingException"). It sleeps until the bell is rung instead of in an event loop: a question and its answer take 21 us of CPU instead of 40, measured alone, and that is
 * twice in each call. `after` runs once an answer is on its way, so that work nobody waits for delays nobody.
 * Where it throws, nothing can be asked any more, and that is told without an id.
 */
export function servePort(at: { port: MessagePort; bell: SharedArrayBuffer }, verbs: () => Verbs, after = nothing): void {
  const { port } = at;
  const rings = new Int32Array(at.bell);
  const reply = (message: Reply): void => port.postMessage(message);

  function answer({ id, verb, argument }: Request): Reply {
    try {
      const run = verbs()[verb];
      if (run === undefined) throw new RangeError(`A store's thread was asked to "${verb}".`);
      return { id, value: run(argument as never) };
    } catch (error) {
      return { id, failure: failureOf(error) };
    }
  }

  function serve(request: Request): void {
    const answered = answer(request);
    // The end comes before the failed answer, so that whoever hears of the failure finds the thread ended.
    if (answered.failure === undefined) reply(answered);
    try {
      after();
    } catch (error) {
      reply({ id: null, failure: failureOf(error) });
    }
    if (answered.failure !== undefined) reply(answered);
  }

  const stopped = (): boolean => Atomics.load(rings, STOP) === 1;
  while (!stopped()) {
    // Read before looking for questions: one that comes in between has rung, and the wait returns at once.
    const heard = Atomics.load(rings, RINGS);
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const request = next.message as Request;
      serve(request);
      if (request.verb === "close" || stopped()) return;
    }
    Atomics.wait(rings, RINGS, heard);
  }
}
