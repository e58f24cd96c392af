#!/usr/bin/env node
/** The binary: connects the command line to this machine. */
import { readVersion } from "../version.js";
import { realNeeds } from "./real-needs.js";
import { runCli } from "./run-cli.js";

process.exitCode = await runCli(realNeeds({ version: readVersion() }));
