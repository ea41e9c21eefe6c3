import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../auth/public.decorator.js';
import { htmlPage, pageHeaders } from './html-page.js';

const page = htmlPage(
  'Boxyard',
  `<h1>Boxyard</h1>
<p>The control plane is running.</p>
<ul>
<li><a href="/control/v1/docs">The API, described</a> (<a href="/control/v1/openapi.json">OpenAPI</a>)</li>
<li><a href="/readyz">Readiness</a> and <a href="/metrics">metrics</a></li>
</ul>`,
);

/** What a person sees who opens the control plane's port in a browser. */
@ApiExcludeController()
@Public()
@Controller()
export class StatusController {
  @Get()
  @Header('Content-Type', pageHeaders.contentType)
  @Header('Content-Security-Policy', pageHeaders.contentSecurityPolicy)
  show(): string {
    return page;
  }
}
