import { fingerprint, type openChance } from "../../../providers/simulated/chance.js";

/** One agent of the fleet. */
export interface FleetAgent {
  /** `code-generation-2`. */
  readonly name: string;
  readonly team: string;
  readonly models: readonly FleetModel[];
}

/** A model, and how it is reached. */
export interface FleetModel {
  readonly name: string;
  readonly provider: "openai" | "anthropic";
  /** Name of the field that caps its output. */
  readonly cap_field: "max_tokens" | "max_completion_tokens";
}

const openai = (name: string): FleetModel => ({ name, provider: "openai", cap_field: "max_tokens" });
const reasoning = (name: string): FleetModel => ({ name, provider: "openai", cap_field: "max_completion_tokens" });
const anthropic = (name: string): FleetModel => ({ name, provider: "anthropic", cap_field: "max_tokens" });

const KINDS: readonly { readonly kind: string; readonly team: string; readonly models: readonly FleetModel[] }[] = [
  { kind: "customer-support", team: "support", models: [openai("gpt-4o-mini"), anthropic("claude-haiku-4-5")] },
  { kind: "research", team: "research", models: [openai("gpt-4o"), anthropic("claude-sonnet-4-5")] },
  { kind: "code-generation", team: "engineering", models: [anthropic("claude-sonnet-4-5"), reasoning("gpt-5-mini")] },
  { kind: "data-analysis", team: "research", models: [openai("gpt-4.1-mini"), openai("gpt-4o")] },
  { kind: "internal-tooling", team: "engineering", models: [openai("gpt-4o-mini")] },
];

/** Agents of five kinds in turn, as many as asked for. */
export function fleetOf(count: number): readonly FleetAgent[] {
  return Array.from({ length: count }, (_, index) => {
    const { kind, team, models } = KINDS[index % KINDS.length] as (typeof KINDS)[number];
    return { name: `${kind}-${Math.floor(index / KINDS.length) + 1}`, team, models };
  });
}

/** The key of each team: repeatable, and of no use but against the gateway that the replay starts for itself. */
export function teamKeys(fleet: readonly FleetAgent[], seed: string): ReadonlyMap<string, string> {
  const teams = [...new Set(fleet.map((agent) => agent.team))];
  return new Map(teams.map((team) => [team, `replay-${fingerprint(seed, team, "key").slice(0, 32)}`]));
}

/** A few agents do most of the work: the index of one of `count`, skewed towards the first. */
export function busyAgent(chance: ReturnType<typeof openChance>, count: number): number {
  const draw = chance.below(1_000_000) / 1_000_000;
  return Math.floor(count * draw ** 1.5);
}
