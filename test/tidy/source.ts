import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** One file of the house, parsed when it is TypeScript or JavaScript. `path` is relative to the root, with slashes. */
export interface HouseFile {
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile | null;
}

/** One import, export-from, `import()` or `import("…")` type of a file. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Gone after compilation. */
  readonly typeOnly: boolean;
  /** Path in the house that a relative specifier means (`x.js` is written for `x.ts`); null for a package. */
  readonly target: string | null;
}

/** Root of the repository. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const trees = ["src", "test", "evals", "bench", "scripts", "examples"];
const skipped = new Set(["node_modules", "dist", ".bursar"]);
const read = /\.(ts|mts|mjs|js|sql|css|html)$/;

/** Parses one file; tests of the rules call it with text from memory. */
export function houseFile(path: string, text: string): HouseFile {
  const code = /\.(ts|mts|mjs|js)$/.test(path);
  return { path, text, tree: code ? ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) : null };
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((item) => {
    if (skipped.has(item.name)) return [];
    return item.isDirectory() ? walk(join(folder, item.name)) : [join(folder, item.name)];
  });
}

/** All source files of the house. */
export function readHouse(): HouseFile[] {
  return trees
    .flatMap((tree) => walk(join(root, tree)))
    .filter((path) => read.test(path))
    .map((path) => houseFile(relative(root, path).split(sep).join("/"), readFileSync(path, "utf8")));
}

/** Is it code that ships: below src/, and no test. */
export function ships(file: HouseFile): boolean {
  return file.path.startsWith("src/") && !file.path.endsWith(".test.ts") && !file.path.includes("/__fixtures__/");
}

/** Line of a node, from 1. */
export function lineOf(file: HouseFile, node: ts.Node): number {
  return (file.tree?.getLineAndCharacterOfPosition(node.getStart(file.tree)).line ?? 0) + 1;
}

/** Calls `visit` for every node of the file, outer before inner. */
export function eachNode(file: HouseFile, visit: (node: ts.Node) => void): void {
  const down = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, down);
  };
  if (file.tree) down(file.tree);
}

function onlyTypes(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const names = clause.namedBindings;
  return !clause.name && !!names && ts.isNamedImports(names) && names.elements.every((element) => element.isTypeOnly);
}

function specifierOf(node: ts.Node): { text: string; typeOnly: boolean } | null {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
    return ts.isStringLiteral(node.moduleSpecifier) ? { text: node.moduleSpecifier.text, typeOnly: onlyTypes(node) } : null;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [first] = node.arguments;
    return first && ts.isStringLiteralLike(first) ? { text: first.text, typeOnly: false } : null;
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { text: node.argument.literal.text, typeOnly: true };
  }
  return null;
}

/** Everything a file imports. */
export function importsOf(file: HouseFile): Import[] {
  const found: Import[] = [];
  eachNode(file, (node) => {
    const specifier = specifierOf(node);
    if (!specifier) return;
    const target = specifier.text.startsWith(".") ? posix.join(posix.dirname(file.path), specifier.text) : null;
    found.push({
      specifier: specifier.text,
      line: lineOf(file, node),
      typeOnly: specifier.typeOnly,
      target: target?.replace(/\.js$/, ".ts") ?? null,
    });
  });
  return found;
}
