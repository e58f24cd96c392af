/** The thread that writes, so that a commit never blocks a stream. Money path: fails closed (see writer.ts). */
import { parentPort, workerData } from "node:worker_threads";
import type { Checkpoint } from "./checkpoint.js";
import { type Appended, failureOf, type Opened, type Reply, type WorkerData } from "./messages.js";
import { servePort } from "./serve-port.js";
import { openWriter } from "./writer.js";

/** Opens the ledger, tells what was found and serves `append` and `close`. */
async function run(port: NonNullable<typeof parentPort>): Promise<void> {
  const start = workerData as WorkerData;
  const reply = (message: Reply): void => port.postMessage(message);
  try {
    const { writer, loaded, epoch } = await openWriter(start);
    const { state, folded, touched, unchecked } = loaded;
    reply({ id: 0, value: { state, folded, touched, unchecked, epoch } satisfies Opened });
    let closed = false;
    const close = (checkpoint: Checkpoint | null): void => {
      writer.close(checkpoint);
      closed = true;
    };
    const tidy = (): void => {
      if (!closed) writer.tidy();
    };
    const verbs = { append: (batch: Appended) => writer.append(batch), close };
    servePort({ port, bell: start.bell }, () => verbs, tidy);
  } catch (error) {
    reply({ id: 0, failure: failureOf(error) });
  }
}

if (parentPort !== null) await run(parentPort);
