import { Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tenantOf } from '../../tenant/request-tenant.js';
import { TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { SecurityRequests } from '../account/security-requests.js';
import { formBody } from '../form-body.js';
import { passwordFlaw } from '../password-rules.js';
import { Public } from '../public.decorator.js';
import { html, type Page, problemText, sendPage } from './html.js';

/**
 * The pages to which the links in mails lead. Opening one changes nothing, because mail programs open links to look at
 * them: what is to be done is done by the form.
 */
@Public()
@Controller()
export class LinkPagesController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly requests: SecurityRequests,
  ) {}

  @Get('setpassword/:id/:secret')
  showSetPassword(@Res() reply: FastifyReply): void {
    sendPage(reply, 200, passwordPage());
  }

  /** Sets the password. A password that is too short or too long does not use up the link. */
  @Post('setpassword/:id/:secret')
  async setPassword(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id') id: string,
    @Param('secret') secret: string,
  ): Promise<void> {
    const password = formBody(request)?.get('password') ?? '';
    const flaw = passwordFlaw(password);
    if (flaw !== undefined) return sendPage(reply, 400, passwordPage(flaw));
    const runtime = await this.runtimes.of(tenantOf(request).entry);
    const wasSet = await this.requests.setPassword(runtime, { id, secret }, password, request.id);
    if (!wasSet) return sendPage(reply, 400, USED_UP);
    return sendPage(reply, 200, { title: 'Password set', body: html`<p>You can sign in with it now.</p>` });
  }

  @Get('verifyemail/:id/:secret')
  showVerifyEmail(@Res() reply: FastifyReply): void {
    const body = html`<form method="post"><button>Confirm</button></form>`;
    sendPage(reply, 200, { title: 'Confirm your address', body });
  }

  @Post('verifyemail/:id/:secret')
  async verifyEmail(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id') id: string,
    @Param('secret') secret: string,
  ): Promise<void> {
    const runtime = await this.runtimes.of(tenantOf(request).entry);
    const wasConfirmed = await this.requests.confirmAddress(runtime, { id, secret }, request.id);
    if (!wasConfirmed) return sendPage(reply, 400, USED_UP);
    return sendPage(reply, 200, { title: 'Address confirmed', body: html`<p>Thank you.</p>` });
  }
}

const USED_UP: Page = { title: 'This link does not work', body: html`<p>It was used already, or is too old.</p>` };

const passwordPage = (flaw?: string): Page => ({
  title: 'Choose a password',
  body: html`${problemText(flaw)}
    <form method="post">
      <label>Password<input name="password" type="password" autocomplete="new-password" required /></label>
      <button>Set password</button>
    </form>`,
});
