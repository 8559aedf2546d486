#!/usr/bin/env bun
// Runs one command and ends with its exit code.

import { runCommandLine } from './cli/command-line.ts'

process.exit(await runCommandLine(process.argv.slice(2)))
