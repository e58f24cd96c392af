import ts from "typescript";
import type { Rule } from "./imports.js";
import { eachNode, type HouseFile, lineOf, ships } from "./source.js";

/** Longest file and longest function, in lines. */
export const fileLinesMax = 400;
/** See `fileLinesMax`. */
export const functionLinesMax = 70;

// Recorded bytes and generated tables are not read from top to bottom by anybody.
const exempt = [/\/__fixtures__\//, /\/generated\//];
const folderNames = new Set(["utils", "common", "shared", "types", "core", "lib", "helpers"]);
const fileWords = new Set(["manager", "handler", "helper", "helpers", "util", "utils", "context", "data", "info"]);

const linesOf = (text: string): number => text.replace(/\n$/, "").split("\n").length;

function complain(file: HouseFile, test: (node: ts.Node) => string | null): string[] {
  const found: string[] = [];
  eachNode(file, (node) => {
    const wrong = test(node);
    if (wrong) found.push(`${file.path}:${lineOf(file, node)} ${wrong}`);
  });
  return found;
}

/** A file has at most 400 lines. */
export const fileLength: Rule = (files) =>
  files
    .filter((file) => !exempt.some((pattern) => pattern.test(file.path)) && linesOf(file.text) > fileLinesMax)
    .map((file) => `${file.path}:${fileLinesMax} file has ${linesOf(file.text)} lines, at most ${fileLinesMax}`);

/** A function, method or arrow has at most 70 lines, tests included. */
export const functionLength: Rule = (files) =>
  files
    .filter((file) => !exempt.some((pattern) => pattern.test(file.path)))
    .flatMap((file) =>
      complain(file, (node) => {
        if (!ts.isFunctionLike(node) || !("body" in node) || !node.body) return null;
        const lines = linesOf(node.getText(file.tree ?? undefined));
        return lines > functionLinesMax ? `function has ${lines} lines, at most ${functionLinesMax}` : null;
      }),
    );

/** The type `any` is written nowhere. */
export const noAny: Rule = (files) =>
  files.flatMap((file) => complain(file, (node) => (node.kind === ts.SyntaxKind.AnyKeyword ? "uses any" : null)));

/** What ships has no default export. */
export const noDefaultExport: Rule = (files) =>
  files.filter(ships).flatMap((file) =>
    complain(file, (node) => {
      const keyword = ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword);
      const renamed = ts.isExportSpecifier(node) && node.name.text === "default";
      return keyword || renamed || ts.isExportAssignment(node) ? "has a default export" : null;
    }),
  );

/** An index.ts is a list of what a folder shows, no code. */
export const indexOnlyReExports: Rule = (files) =>
  files
    .filter((file) => file.path.endsWith("/index.ts"))
    .flatMap((file) =>
      (file.tree?.statements ?? []).flatMap((statement) =>
        ts.isExportDeclaration(statement) && statement.moduleSpecifier
          ? []
          : [`${file.path}:${lineOf(file, statement)} an index.ts only re-exports`],
      ),
    );

/** No folder is named after what it is not, and no file after a word that means nothing. */
export const names: Rule = (files) =>
  files.flatMap((file) => {
    const folders = file.path.split("/").slice(0, -1);
    const words = (file.path.split("/").pop() ?? "").split(/[-.]/);
    return [
      ...folders.filter((name) => folderNames.has(name)).map((name) => `${file.path}:1 is in a folder named "${name}"`),
      ...words.filter((word) => fileWords.has(word)).map((word) => `${file.path}:1 has "${word}" in its name`),
    ];
  });

/** Every file name is kebab-case (`__fixtures__` and dotted endings apart). */
export const kebabCase: Rule = (files) =>
  files
    .filter((file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)+$/.test(file.path.split("/").pop() ?? ""))
    .map((file) => `${file.path}:1 is not kebab-case`);

const exported = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node) && !!ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);

function nameOf(statement: ts.Statement): string {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map((d) => d.name.getText()).join(", ");
  const { name } = statement as ts.Statement & { readonly name?: ts.Node };
  return name?.getText() ?? "something";
}

/** Every exported thing says in a docstring what it is; of overloads, the first. */
export const docstrings: Rule = (files) =>
  files.filter(ships).flatMap((file) => {
    const seen = new Set<string>();
    return (file.tree?.statements ?? []).flatMap((statement) => {
      if (!exported(statement) || seen.has(nameOf(statement))) return [];
      seen.add(nameOf(statement));
      const has = ts.getJSDocCommentsAndTags(statement).length > 0;
      return has ? [] : [`${file.path}:${lineOf(file, statement)} ${nameOf(statement)} has no docstring`];
    });
  });

/** Modules keep no state: nothing at the top level can be assigned again. */
export const noModuleState: Rule = (files) =>
  files
    .filter(ships)
    .flatMap((file) =>
      (file.tree?.statements ?? []).flatMap((statement) =>
        ts.isVariableStatement(statement) && !(statement.declarationList.flags & ts.NodeFlags.Const)
          ? [`${file.path}:${lineOf(file, statement)} keeps state in a module: ${nameOf(statement)}`]
          : [],
      ),
    );

/** No failure is swallowed without a word. */
export const noSilentCatch: Rule = (files) =>
  files.flatMap((file) =>
    complain(file, (node) => {
      if (!ts.isCatchClause(node) || node.block.statements.length > 0) return null;
      return /\/\/|\/\*/.test(node.block.getText(file.tree ?? undefined)) ? null : "swallows a failure without saying why";
    }),
  );

const impureNames = new Set(
  "performance process setTimeout setInterval setImmediate queueMicrotask fetch crypto console globalThis Buffer".split(" "),
);
const impureMembers = new Set(["Date.now", "Math.random", "Temporal.Now"]);

function impurity(node: ts.Node): string | null {
  if (node.kind === ts.SyntaxKind.AwaitKeyword || node.kind === ts.SyntaxKind.AsyncKeyword) return "waits";
  if (ts.isAwaitExpression(node)) return "waits";
  if (ts.isPropertyAccessExpression(node) && impureMembers.has(node.getText())) return `uses ${node.getText()}`;
  if (ts.isNewExpression(node) && node.expression.getText() === "Date" && !node.arguments?.length) return "reads the clock";
  if (ts.isCallExpression(node) && node.expression.getText() === "Date") return "reads the clock";
  if (!ts.isIdentifier(node) || !impureNames.has(node.text)) return null;
  // `a.fetch` and `{ process: 1 }` are names of somebody else's, not the global.
  const { parent } = node;
  const isName = "name" in parent && parent.name === node;
  return isName ? null : `uses ${node.text}`;
}

/** accounting/ has no clock, no randomness, no I/O and never waits: the same entries give the same state everywhere. */
export const pureCode: Rule = (files) =>
  files
    .filter((file) => ships(file) && file.path.startsWith("src/accounting/"))
    .flatMap((file) => complain(file, impurity).map((line) => `${line} in accounting/`));

/** Every error raised is in the error table. */
export function knownErrors(codes: readonly string[]): Rule {
  return (files) =>
    files.flatMap((file) =>
      complain(file, (node) => {
        if (!ts.isNewExpression(node) || node.expression.getText() !== "BursarError") return null;
        const [code] = node.arguments ?? [];
        if (!code || !ts.isStringLiteral(code) || codes.includes(code.text)) return null;
        return `raises "${code.text}", which is not in ERROR_TABLE`;
      }),
    );
}

/**
 * Every code of the error table is raised, or answered, by something that ships; `notYet` are those that a later step
 * raises, and a code leaves that list when it is.
 */
export function usedErrors(codes: readonly string[], notYet: readonly string[]): Rule {
  return (files) => {
    const said = new Set<string>();
    for (const file of files.filter((one) => ships(one) && one.path !== "src/accounting/errors.ts")) {
      eachNode(file, (node) => {
        if (ts.isStringLiteral(node)) said.add(node.text);
      });
    }
    return codes
      .filter((code) => said.has(code) === notYet.includes(code))
      .map((code) => `src/accounting/errors.ts:1 "${code}" is raised ${said.has(code) ? "already" : "nowhere"}`);
  };
}
