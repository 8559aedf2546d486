#!/usr/bin/env bun
// Runs one command and ends with its exit code.

import { runCommandLine } from './cli/command-line.ts'

// No top-level await: it would keep the build from compiling to bytecode.
void runCommandLine(process.argv.slice(2)).then((code) => process.exit(code))
