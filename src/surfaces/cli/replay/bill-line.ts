/** What a line of the simulated provider's bill proves. Money in nano-dollars. Money path: fails closed — a model without a price has nothing in flight. */
import { OUTPUT_SLICE } from "../../../accounting/meter/ceiling.js";
import { nanoOf, nothingConsumed } from "../../../providers/simulated/bill.js";
import { openModelTable } from "../../../providers/simulated/price-table.js";
import type { BillLine } from "./books.js";

/** Did the provider send true usage: an answer that ended as it should, by a provider that neither hid it nor lied about it? */
export function usageArrived(line: BillLine): boolean {
  return line.ended === "end" && !line.faults.some((fault) => /^(no-usage|usage=)/.test(fault));
}

/**
 * The most that may have been in flight when the gateway hung up: output billed beyond the `counted` tokens, one slice of
 * it at most, at the simulator's price. Nothing of input. Lines that cost nothing are attempts that failed before.
 */
export function inFlightNano(lines: readonly BillLine[], counted: number): bigint {
  const billed = lines.filter(({ nano }) => nano > 0n);
  const last = billed.at(-1);
  const model = last === undefined ? null : openModelTable().find(last.model);
  if (last === undefined || model === null) return 0n;
  const beyond = billed.reduce((all, line) => all + line.output, 0) - counted;
  const output = Math.max(0, Math.min(OUTPUT_SLICE, beyond));
  const consumption = { ...nothingConsumed(), input: last.input };
  return nanoOf({ ...consumption, output }, model) - nanoOf(consumption, model);
}
