/** The app page of `app/`, bundled as apps are, and served from an origin of its own, as apps are. */
import { build, type OutputFile } from 'esbuild';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

const ENTRY = path.resolve('test/browser/app/app.tsx');
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css' };

export interface ServedApp {
  readonly origin: string;
  close(): Promise<void>;
}

/** The script and the style sheet of the app. */
export async function bundleApp(): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    format: 'esm',
    minify: true,
    jsx: 'automatic',
    // What the bundlers of apps define.
    define: { 'process.env.NODE_ENV': '"production"', 'import.meta.env': '{}' },
    outdir: path.dirname(ENTRY),
    write: false,
  });
  return outputFiles;
}

/** Serves the app on a free port; every path that is no file of it is the page, which talks to `baseUrl`. */
export async function serveApp(files: readonly OutputFile[], baseUrl: string): Promise<ServedApp> {
  const contents = new Map(files.map((file) => [`/${path.basename(file.path)}`, file]));
  const server = createServer((request, response) => {
    const file = contents.get(request.url ?? '');
    const type = file ? (TYPES[path.extname(file.path)] ?? 'text/plain') : 'text/html';
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` });
    response.end(file?.contents ?? pageOf(baseUrl));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => closed(server) };
}

const pageOf = (baseUrl: string): string => `<!doctype html>
<html lang="en">
  <head>
    <title>Clinic</title>
    <meta name="base-url" content="${baseUrl}" />
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/app.css" />
  </head>
  <body>
    <div id="root"></div>
    <script type="module" src="/app.js"></script>
  </body>
</html>`;

async function closed(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
