/**
 * What a simulated operation is. One operation is one thing that one part of the world does to another, or that befalls
 * it; what only the simulation does for itself (comparing, auditing, drawing) is none:
 *
 * - `ask`: a client or another program begins a call.
 * - `command`: the ledger decides one command (hold, extend, post, void, presume, refuse, declare, raise).
 * - `disk`: a batch is written, a batch is synced, an old attempt is looked up, the log is opened or read.
 * - `wire`: the provider takes a request, answers with a head, or sends a piece.
 * - `read`: a client takes a piece of its stream, or its whole reply.
 * - `operator`: somebody changes budgets or settles by hand.
 * - `timer`: a wait of a call is over (a retry, a drain). Renewals and sweeps, which come whether anything is done or not, are
 *   none.
 * - `fault`: a crash, a jump or sleep of the clock, a sync that fails or is slow, a torn tail, a full disk, or one thing that
 *   a provider does wrong in an answer.
 */
export const KINDS = ["ask", "command", "disk", "wire", "read", "operator", "timer", "fault"] as const;

export type OperationKind = (typeof KINDS)[number];

/** How many operations of each kind. */
export type Operations = Record<OperationKind, number>;

export function noOperations(): Operations {
  return { ask: 0, command: 0, disk: 0, wire: 0, read: 0, operator: 0, timer: 0, fault: 0 };
}

export function sumOf(operations: Operations): number {
  return KINDS.reduce((sum, kind) => sum + operations[kind], 0);
}

export function addTo(total: Operations, more: Operations): void {
  for (const kind of KINDS) total[kind] += more[kind];
}
