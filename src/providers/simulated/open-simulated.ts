/**
 * The simulated provider in the same process: an Upstream like any other, without sockets, with its bill at hand. Money
 * path: fails closed.
 */
import { type Upstream, UpstreamFailure } from "../../call/needs.js";
import type { Bill } from "./bill.js";
import { openEngine, type SimulatorOptions } from "./engine.js";

/** An upstream that nobody pays, and the bill that a real one would have sent. */
export interface SimulatedUpstream extends Upstream {
  bill(): Bill;
  clearBill(): void;
}

/** Is a complete reply of this status free? Of the simulator: every 4xx and 529; a 500 has read the input. */
export function simulatedUnbilled(status: number): boolean {
  return (status >= 400 && status < 500) || status === 529;
}

/** Client headers that a simulated provider takes: those of the providers it plays, and `x-sim-*`. */
export function simulatedHeaderAllowed(name: string): boolean {
  return name.startsWith("x-sim-") || name === "anthropic-version" || name === "anthropic-beta";
}

/** Opens a simulated provider in this process. */
export function openSimulated(options: SimulatorOptions & { readonly name?: string }): SimulatedUpstream {
  const engine = openEngine(options);
  return {
    name: options.name ?? "simulated",
    simulated: true,
    async send(request, signal) {
      if (signal.aborted) throw new UpstreamFailure("connect", "The call was given up before it was sent.");
      const { dialect, model, stream, framing, headers, body } = request;
      return engine.answer({ dialect, model, stream, framing, headers, body }, signal);
    },
    unbilled: simulatedUnbilled,
    headers_allowed: simulatedHeaderAllowed,
    bill: engine.bill,
    clearBill: engine.clearBill,
  };
}
