/** The five agents of the demo, one of each kind of the planning table, and what each of them does. */

/** What an agent works on. */
export interface DemoAgent {
  readonly name: string;
  readonly type: string;
  readonly team: string;
  readonly model: string;
  readonly task: string;
  readonly task_type: string;
  /** Most tokens it asks for per answer. */
  readonly max_tokens: number;
  readonly system: string;
  /** One call each, in one conversation. */
  readonly prompts: readonly string[];
  /** It calls the same tool with the same arguments after its last prompt, until somebody stops it. */
  readonly loops: boolean;
}

/** The fleet. */
export const DEMO_AGENTS: readonly DemoAgent[] = [
  {
    name: "support-bot",
    type: "customer-support",
    team: "support",
    model: "gpt-4o-mini",
    task: "ticket-4711",
    task_type: "ticket",
    max_tokens: 300,
    system: "You answer customers of a parcel service. Be brief and kind.",
    prompts: [
      "My parcel was to arrive on Friday and has not. What now?",
      "The tracking page says it is in Leipzig since Saturday.",
      "Can you send it again instead?",
      "Thank you. Please confirm it in one sentence.",
    ],
    loops: false,
  },
  {
    name: "research-bot",
    type: "research",
    team: "research",
    model: "claude-sonnet-4-5",
    task: "market-study-12",
    task_type: "study",
    max_tokens: 400,
    system: "You research markets. Search the web before you answer, and cite what you find.",
    prompts: ["How large is the market for heat pumps in Europe in 2026? Search for it."],
    loops: true,
  },
  {
    name: "code-bot",
    type: "code-generation",
    team: "engineering",
    model: "claude-sonnet-4-5",
    task: "pull-request-88",
    task_type: "change",
    max_tokens: 900,
    system: "You change a TypeScript code base in small steps and explain each of them.",
    prompts: [
      "The date parser fails on 29 February. Where would you look first?",
      "Write the failing test.",
      "Now the fix.",
      "Write the commit message.",
    ],
    loops: false,
  },
  {
    name: "data-bot",
    type: "data-analysis",
    team: "research",
    model: "gpt-4o",
    task: "weekly-report-48",
    task_type: "report",
    max_tokens: 600,
    system: "You analyse tables of numbers and say what matters in them.",
    prompts: [
      "Orders per day last week: 812, 790, 845, 1203, 820, 410, 395. What stands out?",
      "What could explain Thursday?",
      "Summarise it in three lines for the management.",
    ],
    loops: false,
  },
  {
    name: "tools-bot",
    type: "internal-tooling",
    team: "engineering",
    model: "gpt-4o-mini",
    task: "rotate-logs-3",
    task_type: "chore",
    max_tokens: 200,
    system: "You help with chores on our own servers.",
    prompts: ["Write a cron line that rotates the logs at 3 a.m.", "And one that tells us when the disk is fuller than 90 %."],
    loops: false,
  },
];
