/** Tells whoever watches what became of a call. Watching path: fails open — one that throws changes nothing about the call. */
import type { CallNeeds, CallObserved } from "./needs.js";

/** Hands an event to the observer. Never throws: an observer's fault is itself told as one, if it still listens. */
export function observe(needs: Pick<CallNeeds, "observe">, event: CallObserved): void {
  try {
    needs.observe(event);
  } catch (error) {
    if (event.kind === "fault") return;
    observe(needs, { ...event, kind: "fault", reason: "observe", error });
  }
}
