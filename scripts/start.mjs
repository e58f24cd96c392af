// `npm start`: from a fresh clone to a running Bursar. Installs and builds only what is missing, then becomes
// `bursar up` (or, with --demo, `bursar demo`) in this same process; every other argument is passed on.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildOnce, installOnce, requireNode, root } from "./install.mjs";

requireNode();
installOnce(root, "what Bursar runs on");
buildOnce();

const given = process.argv.slice(2);
const command = given.includes("--demo") ? "demo" : "up";
const binary = join(root, "dist/surfaces/cli/bin.js");
process.argv = [process.execPath, binary, command, ...given.filter((argument) => argument !== "--demo")];
await import(pathToFileURL(binary).href);
