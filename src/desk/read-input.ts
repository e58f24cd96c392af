import type { z } from "zod";
import { BursarError } from "../accounting/errors.js";

/** What one input key takes, as far as a query string or a command line must know it. */
export interface InputKey {
  readonly name: string;
  readonly kind: "text" | "flag" | "list";
  readonly required: boolean;
  readonly description: string;
  readonly fallback: unknown;
}

function unwrapped(type: z.core.$ZodType): { inner: z.core.$ZodType; fallback: unknown } {
  let inner = type;
  let fallback: unknown;
  for (;;) {
    const { def } = inner._zod;
    if (def.type === "default") fallback = (def as z.core.$ZodDefaultDef).defaultValue;
    if (def.type !== "optional" && def.type !== "default" && def.type !== "nullable") return { inner, fallback };
    inner = (def as z.core.$ZodOptionalDef).innerType;
  }
}

/** The keys of an input schema, for surfaces that only have text: what is a flag, what may repeat. */
export function inputKeys(schema: z.ZodObject): readonly InputKey[] {
  return Object.entries(schema.shape).map(([name, value]) => {
    const type = value as z.ZodType;
    const { inner, fallback } = unwrapped(type);
    const kind = inner._zod.def.type === "boolean" ? "flag" : inner._zod.def.type === "array" ? "list" : "text";
    return { name, kind, required: !type.safeParse(undefined).success, description: type.description ?? "", fallback };
  });
}

/**
 * Parses an input by its schema; unknown keys are refused. Throws `invalid_request` naming every key that is wrong and
 * why, never the whole input.
 */
export function readInput<I extends z.ZodObject>(schema: I, input: unknown): z.output<I> {
  const read = schema.safeParse(input);
  if (read.success) return read.data;
  const reasons = read.error.issues.map((issue) =>
    issue.path.length > 0 ? `${issue.path.join(".")}: ${issue.message}` : issue.message,
  );
  throw new BursarError("invalid_request", `The request is not right. ${reasons.join(". ")}.`);
}
