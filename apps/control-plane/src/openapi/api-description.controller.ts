import { Controller, Get, Header, Inject, Injectable } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { Public } from '../auth/public.decorator.js';
import { pageHeaders } from '../status/html-page.js';
import { apiPage } from './api-page.js';

/** Holds the API description, which can only be built when the whole app is there. */
@Injectable()
export class ApiDescription {
  private document: OpenAPIObject | undefined;

  set(document: OpenAPIObject): void {
    this.document = document;
  }

  get(): OpenAPIObject {
    if (this.document === undefined) throw new Error('The API description was not built at the start.');
    return this.document;
  }
}

/** The description names what the API can do, not what is in it, so it is open. */
@ApiExcludeController()
@Public()
@Controller()
export class ApiDescriptionController {
  constructor(@Inject(ApiDescription) private readonly description: ApiDescription) {}

  @Get('openapi.json')
  document(): OpenAPIObject {
    return this.description.get();
  }

  @Get('docs')
  @Header('Content-Type', pageHeaders.contentType)
  @Header('Content-Security-Policy', pageHeaders.contentSecurityPolicy)
  page(): string {
    return apiPage(this.description.get());
  }
}
