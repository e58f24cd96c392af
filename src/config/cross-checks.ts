// What no single value shows: names used twice, keys a provider lacks, limits with two units. Works on the file as written,
// so that these problems are told together with all others. Money path: fails closed.
import { type Checked, placeOf, problemAt } from "./issue-text.js";
import { shown } from "./leaf.js";
import type { ConfigProblem, Path } from "./problem.js";
import { PROVIDER_KINDS } from "./schema.js";
import { closest } from "./suggest.js";
import type { Plain, PlainMap } from "./yaml-tree.js";

function mapOf(value: Plain | undefined): PlainMap | null {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as PlainMap) : null;
}

function mapsIn(root: Plain, key: string): readonly { readonly path: Path; readonly map: PlainMap }[] {
  const list = mapOf(root)?.[key];
  const entries: readonly (readonly [string | number, Plain])[] = Array.isArray(list)
    ? list.map((value: Plain, index) => [index, value] as const)
    : Object.entries(mapOf(list) ?? {});
  return entries.flatMap(([step, value]) => {
    const map = mapOf(value);
    return map === null ? [] : [{ path: [key, step], map }];
  });
}

/** A value that only one entry of a list may have. */
function unique(checked: Checked, list: string, key: string): ConfigProblem[] {
  const first = new Map<string, Path>();
  return mapsIn(checked.yaml.tree, list).flatMap(({ path, map }) => {
    const value = map[key];
    if (typeof value !== "string" || value === "") return [];
    const earlier = first.get(value);
    if (earlier === undefined) {
      first.set(value, [...path, key]);
      return [];
    }
    const what = key === "token" ? "This token" : shown(value);
    const message = `${what} is already the ${key} in line ${placeOf(checked, earlier).line}.`;
    return [problemAt(checked, { path: [...path, key], message, suggestion: `Give each of the ${list} a ${key} of its own.` })];
  });
}

/** The kind of a provider as written or as its name says; null when neither does. */
export function kindOf(name: string, kind: Plain | undefined): (typeof PROVIDER_KINDS)[number] | null {
  const said = typeof kind === "string" ? kind : name;
  const own = kind === undefined && (name === "simulated" || name === "openai-compatible");
  return own ? null : (PROVIDER_KINDS.find((known) => known === said) ?? null);
}

/** Variable that a kind's key is usually found in; kinds that are not here work without one. */
export const KEY_VARIABLES = {
  openai: "OPENAI_API_KEY",
  anthropic: "ANTHROPIC_API_KEY",
  gemini: "GEMINI_API_KEY",
  azure: "AZURE_OPENAI_API_KEY",
  openrouter: "OPENROUTER_API_KEY",
  groq: "GROQ_API_KEY",
  deepseek: "DEEPSEEK_API_KEY",
  mistral: "MISTRAL_API_KEY",
  xai: "XAI_API_KEY",
} as const;

/** Kinds whose address nobody knows but the settings. */
const NEEDS_ADDRESS: readonly (string | null)[] = ["openai-compatible", "azure"];
/** Kinds that a person may run at home, where nothing is paid. */
const MAY_BE_FREE: readonly (string | null)[] = ["openai-compatible", "ollama", "vllm"];

function providerProblems(checked: Checked, name: string, map: PlainMap): ConfigProblem[] {
  const path: Path = ["providers", name];
  const kind = kindOf(name, map.kind);
  const found: ConfigProblem[] = [];
  const tell = (key: string | null, message: string, suggestion: string): void => {
    found.push(problemAt(checked, { path: key === null ? path : [...path, key], part: "key", message, suggestion }));
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    const message = `${shown(name)} is not a provider's name: 1 to 64 letters, digits, dots, dashes and underscores.`;
    tell(null, message, "Write it such as openai.");
  }
  if (kind === null && map.kind === undefined) {
    const near = closest(name, Object.keys(KEY_VARIABLES));
    const suggestion =
      near === null ? "Add kind: openai-compatible and its base_url, or kind: simulated." : `Did you mean ${near}?`;
    tell(null, `The provider ${shown(name)} needs a kind.`, suggestion);
  }
  const through = map.passthrough === true || map.passthrough === "true" || map.passthrough === "on";
  if (kind !== null && kind in KEY_VARIABLES && !through) {
    const variable = KEY_VARIABLES[kind as keyof typeof KEY_VARIABLES];
    const suggestion = `Add api_key: \${${variable}}, or use kind: simulated.`;
    if (map.api_key === undefined || map.api_key === null) tell(null, `Provider ${shown(name)} has no api_key.`, suggestion);
  }
  if (NEEDS_ADDRESS.includes(kind) && (map.base_url === undefined || map.base_url === null)) {
    tell(null, `Provider ${shown(name)} has no base_url.`, "Add base_url: http://127.0.0.1:11434/v1 or wherever it is reached.");
  }
  if (kind === "simulated" && map.api_key !== undefined) {
    tell("api_key", "A simulated provider has no api_key.", "Remove api_key, or choose another kind.");
  }
  if (kind !== null && !MAY_BE_FREE.includes(kind) && (map.free === true || map.free === "true" || map.free === "on")) {
    tell("free", `Models of ${kind} are not free.`, "Remove free; only openai-compatible, ollama and vllm can be free.");
  }
  return found;
}

function limitProblems(checked: Checked, path: Path, budget: PlainMap): ConfigProblem[] {
  const limit = mapOf(budget.limit);
  if (limit === null) return [];
  const units = ["tokens", "usd", "requests"].filter((unit) => limit[unit] !== undefined);
  const found: ConfigProblem[] = [];
  if (units.length === 0 && Object.keys(limit).length === 0) {
    const message = "The limit is empty: it takes one of tokens, usd and requests.";
    found.push(
      problemAt(checked, { path: [...path, "limit"], message, suggestion: "Write { usd: 5000 }, or unlimited to only count." }),
    );
  }
  const second = units[1];
  if (second !== undefined) {
    const message = `A budget has one limit; this one has ${units.join(" and ")}.`;
    const suggestion = "Make two budgets of it; a call must then fit both.";
    found.push(problemAt(checked, { path: [...path, "limit", second], part: "key", message, suggestion }));
  }
  const { count } = budget;
  if (typeof count === "string" && count !== "total" && units.length === 1 && units[0] !== "tokens") {
    const message = `count: ${count} chooses among tokens, and this limit is in ${units[0]}.`;
    found.push(problemAt(checked, { path: [...path, "count"], message, suggestion: "Remove count, or limit tokens." }));
  }
  return found;
}

function twiceInPer(checked: Checked, path: Path, budget: PlainMap): ConfigProblem[] {
  const { per } = budget;
  if (!Array.isArray(per)) return [];
  return per.flatMap((group: Plain, index) => {
    if (per.indexOf(group) === index) return [];
    const message = `${shown(group)} is in this list twice.`;
    return [problemAt(checked, { path: [...path, "per", index], message, suggestion: "Keep one of the two." })];
  });
}

/** A tier that an agent is bound to and that has no models. */
function tierProblems(checked: Checked): ConfigProblem[] {
  const tiers = mapOf(mapOf(checked.yaml.tree)?.tiers) ?? {};
  return mapsIn(checked.yaml.tree, "agents").flatMap(({ path, map }) => {
    const { tier_max: tier } = map;
    if (typeof tier !== "string" || !["easy", "medium", "hard"].includes(tier) || tiers[tier] !== undefined) return [];
    const message = `tier_max: ${tier} names a tier without models.`;
    return [
      problemAt(checked, {
        path: [...path, "tier_max"],
        message,
        suggestion: `Add tiers: { ${tier}: [MODEL] }, or remove tier_max.`,
      }),
    ];
  });
}

/** A model that is its own fallback, or is in the list twice. Names that nobody serves are told once the providers are open. */
function fallbackProblems(checked: Checked): ConfigProblem[] {
  const rules = mapOf(mapOf(checked.yaml.tree)?.fallbacks) ?? {};
  return Object.entries(rules).flatMap(([model, list]) => {
    if (!Array.isArray(list)) return [];
    const plain = (value: Plain): string => (typeof value === "string" ? value.trim().toLowerCase() : "");
    const names = list.map(plain);
    return list.flatMap((value: Plain, index) => {
      const path: Path = ["fallbacks", model, index];
      if (plain(value) === plain(model)) {
        const message = `${shown(value)} is its own fallback.`;
        return [problemAt(checked, { path, message, suggestion: "Name another model; retries of one are limits.retries_max." })];
      }
      if (names[index] === "" || names.indexOf(names[index] as string) === index) return [];
      return [
        problemAt(checked, { path, message: `${shown(value)} is in this list twice.`, suggestion: "Keep one of the two." }),
      ];
    });
  });
}

/** All problems that are seen only by looking at several values. */
export function crossProblems(checked: Checked): ConfigProblem[] {
  const budgets = mapsIn(checked.yaml.tree, "budgets");
  return [
    ...mapsIn(checked.yaml.tree, "providers").flatMap(({ path, map }) => providerProblems(checked, String(path[1]), map)),
    ...unique(checked, "keys", "name"),
    ...unique(checked, "keys", "token"),
    ...unique(checked, "budgets", "name"),
    ...budgets.flatMap(({ path, map }) => [...limitProblems(checked, path, map), ...twiceInPer(checked, path, map)]),
    ...tierProblems(checked),
    ...fallbackProblems(checked),
  ];
}
