/** How evaluations are asked and how they answer. */
import { parseArgs } from "node:util";

/** What the command line says. */
export interface Asked {
  readonly data: string;
  readonly seed: number;
  readonly json: boolean;
}

/** Reads `--data DIR [--seed N] [--json]`; ends the process with code 2 when there is no directory. */
export function asked(name: string): Asked {
  const { values } = parseArgs({ options: { data: { type: "string" }, seed: { type: "string" }, json: { type: "boolean" } } });
  const seed = Number(values.seed ?? "1");
  if (values.data === undefined || !Number.isSafeInteger(seed)) {
    console.error(`Use: npm run -s eval -- ${name} --data DIR [--seed N] [--json]`);
    process.exit(2);
  }
  return { data: values.data, seed, json: values.json ?? false };
}

/** Prints the figures as one JSON line, or the sentence for a person. */
export function answer(name: string, query: Asked, metrics: Readonly<Record<string, number | string>>, sentence: string): void {
  console.log(query.json ? JSON.stringify({ name, data: query.data, seed: query.seed, metrics }) : sentence);
}
