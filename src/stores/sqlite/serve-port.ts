/** The worker's side of a conversation: one question after the other. Money path: fails closed. */
import type { MessagePort } from "node:worker_threads";
import { failureOf, type Reply, type Request } from "./messages.js";

/** What a worker can be asked. */
export type Verbs = Readonly<Record<string, (argument: never) => unknown>>;

/**
 * Answers questions from a port. `after` runs once an answer is on its way, so that work nobody waits for delays nobody.
 * Where it throws, nothing can be asked any more, and that is told without an id.
 */
export function servePort(port: MessagePort, verbs: () => Verbs, after: () => void = () => undefined): void {
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

  port.on("message", (request: Request) => {
    const answered = answer(request);
    // The end comes before the failed answer, so that whoever hears of the failure finds the thread ended.
    if (answered.failure === undefined) reply(answered);
    try {
      after();
    } catch (error) {
      reply({ id: null, failure: failureOf(error) });
    }
    if (answered.failure !== undefined) reply(answered);
  });
}
