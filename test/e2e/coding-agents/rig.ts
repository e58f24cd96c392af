import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRunningBursar, type RunningBursar } from "../running-bursar.js";
import { openRecorder, type RecordedRequest, type Recorder } from "./recorder.js";

/** A coding agent's way: its requests are written down before the gateway and behind it; there the simulated provider answers. */
export interface CodingRig {
  readonly at: RunningBursar;
  /** Where the agent's base URL leads, and what it sent there. */
  readonly sent: Recorder;
  /** What arrived at the provider. */
  readonly arrived: Recorder;
  /** An empty home directory. */
  readonly home: string;
  close(): Promise<void>;
}

const BUDGETS = `budgets:
  - { name: coders, per: [agent], limit: { usd: 20 } }
  - { name: spent, match: { agent: spent }, limit: { usd: 0.01 } }`;

/** Opens one. `providers` are lines of YAML in place of the simulated provider; they are given its address. */
export async function openCodingRig(providers?: (url: string) => string): Promise<CodingRig> {
  const home = mkdtempSync(join(tmpdir(), "bursar-coding-agent-"));
  let provider = "";
  const arrived = await openRecorder(() => provider);
  const at = await openRunningBursar(BUDGETS, {
    before: async (url) => {
      provider = url;
      return arrived.url;
    },
    ...(providers === undefined ? {} : { providers }),
  });
  const sent = await openRecorder(() => at.url);
  return {
    at,
    sent,
    arrived,
    home,
    async close() {
      sent.close();
      await at.close();
      arrived.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The calls among what was written down. */
export const callsOf = ({ seen }: Recorder): readonly RecordedRequest[] => seen.filter(({ method }) => method === "POST");

/** The bytes that arrived, with the output cap that was spliced into them taken out again or put back to what was sent. */
export function withoutSplice(arrived: Buffer, sent: Buffer, cap: string): string {
  const [text, original] = [arrived.toString("latin1"), sent.toString("latin1")];
  const field = new RegExp(`"${cap}":\\s*\\d+`);
  const own = field.exec(original)?.[0];
  return own === undefined ? text.replace(new RegExp(`^\\{"${cap}":\\d+,`), "{") : text.replace(field, own);
}
