// Looks into the schema: which keys exist where, and what a place of the file takes.
import { z } from "zod";
import type { Path } from "./problem.js";

/** The schema below wrappers that only say "may be left out" or "is this by default". */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodPrefault) {
    return unwrapped(schema.unwrap());
  }
  return schema;
}

/** The schema of a place, or null when the schema has no such place. Of a union, its mapping. */
export function schemaAt(root: z.core.$ZodType, path: Path): z.core.$ZodType | null {
  let here = mapping(root);
  for (const step of path) {
    let next: z.core.$ZodType | undefined;
    if (here instanceof z.ZodObject) next = (here.shape as Readonly<Record<string, z.core.$ZodType>>)[String(step)];
    else if (here instanceof z.ZodArray) next = here.element;
    else if (here instanceof z.ZodRecord) next = here.valueType;
    if (next === undefined) return null;
    here = mapping(next);
  }
  return here;
}

function mapping(schema: z.core.$ZodType): z.core.$ZodType {
  const bare = unwrapped(schema);
  if (!(bare instanceof z.ZodUnion)) return bare;
  return bare.options.map(unwrapped).find((option) => option instanceof z.ZodObject) ?? bare;
}

/** Keys that a mapping of this schema takes; empty when any or none. */
export function keysOf(schema: z.core.$ZodType | null): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape as object) : [];
}

/** Every key of the schema with its path; `*` stands for a name, `[]` for a list's entry. */
export function allKeys(schema: z.core.$ZodType, path: Path = []): readonly Path[] {
  const here = mapping(schema);
  if (here instanceof z.ZodArray) return allKeys(here.element, [...path, "[]"]);
  if (here instanceof z.ZodRecord) return allKeys(here.valueType, [...path, "*"]);
  if (!(here instanceof z.ZodObject)) return [];
  return Object.entries(here.shape as Readonly<Record<string, z.core.$ZodType>>).flatMap(([key, child]) => [
    [...path, key],
    ...allKeys(child, [...path, key]),
  ]);
}

/** A path of `allKeys` as people read it: `budgets[].limit.usd`, `agents.*.type`. */
export function patternText(path: Path): string {
  return path.reduce<string>((text, step) => (step === "[]" ? `${text}[]` : text === "" ? `${step}` : `${text}.${step}`), "");
}
