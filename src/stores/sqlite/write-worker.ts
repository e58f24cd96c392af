/** The thread that writes, so that a commit never blocks a stream. Money path: fails closed (see writer.ts). */
import { parentPort, workerData } from "node:worker_threads";
import { failureOf, type Lines, type Opened, type Reply, type WorkerStart } from "./messages.js";
import { servePort } from "./serve-port.js";
import { openWriter } from "./writer.js";

/** Opens the ledger, tells what was found and serves `append` and `close`. */
async function run(port: NonNullable<typeof parentPort>): Promise<void> {
  const reply = (message: Reply): void => port.postMessage(message);
  try {
    const writer = await openWriter(workerData as WorkerStart);
    const { state, unchecked } = writer.loaded;
    const opened: Opened = { state, unchecked, epoch: writer.epoch };
    reply({ id: 0, value: opened });
    let closed = false;
    const close = (): void => {
      writer.close();
      closed = true;
    };
    const fold = (): void => {
      if (!closed) writer.fold();
    };
    const verbs = { append: (lines: Lines) => writer.append(lines), close };
    servePort(port, () => verbs, fold);
  } catch (error) {
    reply({ id: 0, failure: failureOf(error) });
  }
}

if (parentPort !== null) await run(parentPort);
