import { Global, Module } from '@nestjs/common';
import { MutationRunner } from './mutation-runner.js';

/** Gives every part of the app the runner of requests that change something. */
@Global()
@Module({ providers: [MutationRunner], exports: [MutationRunner] })
export class MutationsModule {}
