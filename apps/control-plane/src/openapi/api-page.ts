import type { OpenAPIObject } from '@nestjs/swagger';
import { htmlPage, escapeHtml } from '../status/html-page.js';

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** The API description as one page for people: every route with its summary, parameters and answers. */
export function apiPage(document: OpenAPIObject): string {
  const routes = Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [routeSection(method, path, operation)];
    }),
  );
  const intro = `<p>${prose(document.info.description ?? '')}</p>
<p>The same for machines: <a href="openapi.json">openapi.json</a></p>`;
  return htmlPage(document.info.title, `<h1>${escapeHtml(document.info.title)}</h1>\n${intro}\n${routes.join('\n')}`);
}

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

function routeSection(method: string, path: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []).flatMap((parameter) =>
    'name' in parameter
      ? [`<li><code>${escapeHtml(parameter.name)}</code> (${parameter.in}) ${prose(parameter.description ?? '')}</li>`]
      : [],
  );
  const answers = Object.entries(operation.responses).map(([status, response]) => {
    const description = response !== undefined && 'description' in response ? response.description : '';
    return `<li><code>${escapeHtml(status)}</code> ${prose(description)}</li>`;
  });
  return `<section>
<h2><code>${method.toUpperCase()} ${escapeHtml(path)}</code></h2>
<p>${prose(operation.summary ?? '')}</p>
${operation.description === undefined ? '' : `<p>${prose(operation.description)}</p>`}
${parameters.length === 0 ? '' : `<h3>Parameters</h3><ul>${parameters.join('')}</ul>`}
<h3>Answers</h3><ul>${answers.join('')}</ul>
</section>`;
}

/** Descriptions are CommonMark (https://spec.openapis.org/oas/v3.1.1.html#rich-text-formatting); ours use code spans only. */
function prose(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}
