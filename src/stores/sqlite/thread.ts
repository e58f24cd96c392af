/** The main thread's side of a worker: questions, answers, and the end. Money path: fails closed. */
import { Worker } from "node:worker_threads";
import type { BursarError } from "../../accounting/errors.js";
import { errorOf, failureOf, type Reply, RINGS, STOP, type WorkerData, type WorkerStart } from "./messages.js";

/** A worker thread that answers questions in order. */
export interface Thread {
  /** Asks; rejects once the thread has ended or failed. */
  ask<T>(verb: string, argument?: unknown): Promise<T>;
  /** Why nothing can be asked any more; null while all is well. */
  failure(): BursarError | null;
  /** Closes the connection in the thread, telling it the argument, then ends it. */
  close(argument?: unknown): Promise<void>;
  /** Ends the thread after what it is doing, whatever else it was asked. */
  stop(): Promise<void>;
}

/** A thread that has not ended by then is left behind. */
const END_MS = 10_000;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: BursarError) => void;
}

/** Where a worker's JavaScript is: beside this file, or in dist/ when this file still is TypeScript (in tests). */
function workerUrl(name: string): URL {
  const built = import.meta.url.endsWith(".ts") ? "../../../dist/stores/sqlite/" : "./";
  return new URL(`${built}${name}.js`, import.meta.url);
}

/** The bell of a worker: it is rung at every question, and once for the end. */
function openBell(worker: Worker, rings: Int32Array) {
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  function ring(): void {
    // The thread waits for the bell and not in an event loop: half the way there and back, see serve-port.ts.
    Atomics.add(rings, RINGS, 1);
    Atomics.notify(rings, RINGS);
  }
  return {
    ring,
    /** Lets the thread end by itself; one that hangs in the system (a dead disk) is left behind, and the process may end without it. */
    async end(): Promise<void> {
      Atomics.store(rings, STOP, 1);
      ring();
      worker.ref();
      const given = new Promise<void>((resolve) => setTimeout(resolve, END_MS).unref());
      await Promise.race([ended, given]);
      worker.unref();
    },
  };
}

/** Starts a worker and waits until it has opened the ledger; answers it with what it said first. */
export async function openThread<T>(name: string, start: WorkerStart): Promise<{ thread: Thread; opened: T }> {
  const bell = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const worker = new Worker(workerUrl(name), { workerData: { ...start, bell } satisfies WorkerData });
  const { ring, end } = openBell(worker, new Int32Array(bell));
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let failure: BursarError | null = null;

  function fail(error: BursarError): void {
    failure ??= error;
    for (const one of waiting.values()) one.reject(failure);
    waiting.clear();
    worker.unref();
  }

  function wait<V>(id: number): Promise<V> {
    if (failure !== null) return Promise.reject(failure);
    // A thread keeps the process alive only while somebody waits for it.
    worker.ref();
    return new Promise<V>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
    });
  }

  worker.on("message", ({ id, value, failure: found }: Reply) => {
    if (id === null) {
      fail(errorOf(found ?? failureOf(new Error("the thread ended without a reason"))));
      return;
    }
    const one = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    if (found === undefined) one?.resolve(value as never);
    else one?.reject(errorOf(found));
  });
  worker.on("error", (error) => fail(errorOf(failureOf(error))));
  worker.on("exit", () => fail(errorOf(failureOf(new Error("its thread has ended")))));

  const thread: Thread = {
    ask<V>(verb: string, argument?: unknown): Promise<V> {
      nextId += 1;
      const answer = wait<V>(nextId);
      if (failure === null) {
        worker.postMessage({ id: nextId, verb, argument });
        ring();
      }
      return answer;
    },
    failure: () => failure,
    async close(argument) {
      try {
        await thread.ask("close", argument);
      } finally {
        await end();
      }
    },
    stop: end,
  };
  try {
    return { thread, opened: await wait<T>(0) };
  } catch (error) {
    await end();
    throw error;
  }
}
