// A key of the file: who may call, for whom, and what. Money path: fails closed; a value that is not known is refused.
import { z } from "zod";
import { matchesGlob } from "../accounting/budget/scope.js";
import { DIALECT_NAMES } from "../call/needs.js";
import * as the from "./leaf.js";
import { closest } from "./suggest.js";

/** What a key's `routes` can name: the wire formats that are served over HTTP, and the list of models. */
const ROUTE_NAMES: readonly string[] = [...DIALECT_NAMES.filter((name) => name !== "model-call"), "models"];

/** A route or a glob of routes that means at least one. */
const routeGlob = () => {
  const said = { about: "A route or a glob of routes.", example: "openai-chat" };
  return the.leaf(said, { type: "string" }, (value): the.Read<string> => {
    if (typeof value === "string" && ROUTE_NAMES.some((route) => matchesGlob(value, route))) return { value };
    const near = typeof value === "string" ? closest(value, ROUTE_NAMES) : null;
    const suggestion = near === null ? 'Write it such as openai-chat or "openai-*".' : `Did you mean ${near}?`;
    return { wrong: `${the.shown(value)} means none of the routes ${ROUTE_NAMES.join(", ")}.`, suggestion };
  });
};

/** One entry of `keys`. */
export const key = () =>
  z.strictObject({
    name: the.identifier({ about: "Its name in reports and budgets; unique.", example: "platform" }),
    token: the.secret({ about: "What clients present; unique. Never shown again.", example: the.reference("PLATFORM_KEY") }),
    team: the.name({ about: "Team that its calls belong to.", example: "cx" }).nullish(),
    agent: the.name({ about: "Agent that its calls belong to, whatever they claim.", example: "support-bot" }).nullish(),
    user: the.name({ about: "User that its calls belong to, whatever they claim.", example: "ada" }).nullish(),
    models: the.names({ about: "Models it may use, as globs. Left out: all.", example: '"gpt-4o*"' }).nullish(),
    routes: z
      .array(routeGlob())
      .meta({
        description: `Routes it may use, as globs: ${ROUTE_NAMES.join(", ")}. Left out: all.`,
        examples: ['["openai-*", models]'],
      })
      .nullish(),
    tool_uses_max: the
      .whole(
        {
          about:
            "Most uses of tools that run and bill at the provider, sent with calls that bound none. Left out: hard budgets refuse such calls.",
          example: "3",
        },
        { min: 1, max: 1_000 },
      )
      .nullish(),
    exhausted_status: the
      .choice(
        {
          about: "HTTP status of a final budget refusal. Left out: 402, and 400 for Codex, which asks again after a 402.",
          example: "402",
        },
        ["402", "429", "403", "400"],
      )
      .nullish(),
    attribution: the.withDefault(
      the.choice({ about: "`headers`: calls may say who they are for. `off`: such claims are ignored.", example: "headers" }, [
        "off",
        "headers",
      ]),
      "off",
    ),
    allow_parameters: the
      .names({
        about: 'Request parameters let through on hard budgets although they are not known to be money-neutral; `"*"`: all.',
        example: "logit_bias",
      })
      .nullish(),
  });
