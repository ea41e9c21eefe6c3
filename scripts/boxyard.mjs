#!/usr/bin/env node
/** `npx boxyard …`: the operator's command line, from whatever state the checkout is in. */
import { prepare } from './prepare.mjs';

prepare();
await import('../dist/apps/cli/src/main.js');
