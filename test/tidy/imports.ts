import { type HouseFile, importsOf, ships } from "./source.js";

/** A rule looks at the whole house and answers one line per breach: `path:line what is wrong`. */
export type Rule = (files: readonly HouseFile[]) => string[];

// The order of `ls src`. A folder imports only from folders before it; those on one line are neighbours.
const order = [["accounting"], ["call"], ["config"], ["desk"], ["notifiers", "optimizer", "providers", "stores"], ["surfaces"]];
const rooms = order.flat();
const pure = ["@pydantic/genai-prices", "gpt-tokenizer", "temporal-polyfill"];
const oracleMayNotUse = ["src/accounting/price/", "src/accounting/meter/", "src/accounting/budget/"];

const roomOf = (path: string): string => path.split("/")[1] ?? "";
const floorOf = (room: string): number => order.findIndex((floor) => floor.includes(room));
/** `surfaces/gateway/x.ts` → `gateway`; a file directly in surfaces/ has no door. */
const doorOf = (path: string): string | null => (path.split("/").length > 3 ? (path.split("/")[2] ?? null) : null);

function mayImport(from: string, to: string): boolean {
  if (!to.startsWith("src/")) return false;
  const [here, there] = [roomOf(from), roomOf(to)];
  if (here !== there) return floorOf(there) < floorOf(here);
  if (here !== "surfaces" || from === "src/surfaces/assemble.ts") return true;
  return doorOf(to) === null || doorOf(to) === doorOf(from);
}

/**
 * Folders import only from folders earlier in the order; doors of surfaces/ do not import one another, and only
 * assemble.ts knows them all. Tests beside the source are free: they run on the real memory store and simulator.
 */
export const direction: Rule = (files) =>
  files.filter(ships).flatMap((file) => {
    if (!rooms.includes(roomOf(file.path))) return [`${file.path}:1 is in no known folder of src/ (${rooms.join(", ")})`];
    return importsOf(file).flatMap(({ target, line }) =>
      target && !mayImport(file.path, target) ? [`${file.path}:${line} may not import ${target}`] : [],
    );
  });

/** No file reaches itself through its imports; type imports count, because a reader follows them too. */
export const cycles: Rule = (files) => {
  const edges = new Map(files.filter(ships).map((file) => [file.path, importsOf(file).flatMap(({ target }) => target ?? [])]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push(`${path}:1 import cycle: ${[...trail.slice(start), path].join(" → ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
};

const packageOf = (specifier: string): string => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

/** accounting/ imports itself and a short list of pure packages: no node:, nothing that can do I/O. */
export const pureImports: Rule = (files) =>
  files
    .filter((file) => ships(file) && roomOf(file.path) === "accounting")
    .flatMap((file) =>
      importsOf(file).flatMap(({ specifier, target, line }) =>
        target || pure.includes(packageOf(specifier)) ? [] : [`${file.path}:${line} accounting/ may not import ${specifier}`],
      ),
    );

/** What ships imports no package that the root package.json does not list as a dependency. */
export function declared(dependencies: readonly string[]): Rule {
  return (files) =>
    files.filter(ships).flatMap((file) =>
      importsOf(file).flatMap(({ specifier, target, typeOnly, line }) => {
        if (target || typeOnly || specifier.startsWith("node:") || dependencies.includes(packageOf(specifier))) return [];
        return [`${file.path}:${line} imports ${specifier}, which package.json does not list`];
      }),
    );
}

/**
 * The simulated provider writes its bill with its own arithmetic: it may name nothing of price, meter and budget, and
 * may not reach them at run time through anything else either. A bill that shares code proves nothing.
 */
export const independentBill: Rule = (files) => {
  const imports = new Map(files.map((file) => [file.path, importsOf(file)]));
  const forbidden = (path: string): boolean => oracleMayNotUse.some((folder) => path.startsWith(folder));
  const reaches = (path: string, seen: Set<string>): boolean => {
    if (forbidden(path)) return true;
    if (seen.has(path)) return false;
    seen.add(path);
    return (imports.get(path) ?? []).some(({ target, typeOnly }) => !typeOnly && !!target && reaches(target, seen));
  };
  return files
    .filter((file) => ships(file) && file.path.startsWith("src/providers/simulated/"))
    .flatMap((file) =>
      importsOf(file).flatMap(({ target, typeOnly, line }) => {
        if (!target) return [];
        const bad = typeOnly ? forbidden(target) : reaches(target, new Set());
        return bad ? [`${file.path}:${line} the simulator's bill may not depend on accounting: ${target}`] : [];
      }),
    );
};
