import { shownUsd } from "./amount.js";
import type { CallJson } from "./calls.js";
import type { AttemptJson, RefusalJson } from "./explained.js";

const OUTCOMES: Readonly<Record<string, string>> = {
  end: "ended normally",
  cut: "was cut because the money ran out",
  aborted: "was left by its client",
  failed: "failed at the provider",
  resolved: "was settled by hand",
};

function postedSentence(call: CallJson, attempts: readonly AttemptJson[]): string {
  const last = attempts.findLast((attempt) => attempt.state === "posted");
  if (last === undefined) return "";
  const tokens = last.usage === null ? "" : ` for ${last.actual_input ?? 0} input and ${last.actual_output ?? 0} output tokens`;
  const evidence = last.evidence === "provider" ? "the provider's own usage" : `${last.evidence ?? "unknown"} usage`;
  const share =
    last.cost_of_ceiling_percent === null
      ? ""
      : `, ${last.cost_of_ceiling_percent.toFixed(1)} % of the ${shownUsd(last.ceiling_usd)} held`;
  const overrun =
    last.overrun === null ? "" : ` It cost ${shownUsd(last.overrun.usd)} more than was held (cause ${last.overrun.cause}).`;
  return `It ${OUTCOMES[last.outcome ?? ""] ?? "was settled"} and cost ${shownUsd(call.cost_usd ?? "0.00")}${tokens} (${evidence})${share}.${overrun}`;
}

/** One plain sentence or two: who called what, and what became of it. */
export function explainSentence(of: { call: CallJson; attempts: readonly AttemptJson[]; refusal: RefusalJson | null }): string {
  const { call, attempts, refusal } = of;
  const tries = attempts.length > 1 ? ` in ${attempts.length} attempts` : "";
  const start = `Agent ${call.agent} called ${call.model}${tries} with key ${call.key}${call.simulated ? " (simulated)" : ""}.`;
  const last = attempts.at(-1);
  switch (call.state) {
    case "posted":
      return `${start} ${postedSentence(call, attempts)}`;
    case "pending":
      return `${start} It is in flight; ${shownUsd(call.held_usd)} is held for it.`;
    case "presumed":
      return `${start} Nobody knows what became of it (${last?.why ?? "unknown"}), so ${shownUsd(call.held_usd)} keeps counting: bursar hold resolve ${last?.attempt_id ?? ""}.`;
    case "voided":
      return `${start} Nothing was billed (${last?.why ?? "unknown"}), so its hold was given back.`;
    case "refused":
      return `${start} It was refused before anything was sent: ${refusal?.message ?? "no reason was recorded."}`;
  }
}
