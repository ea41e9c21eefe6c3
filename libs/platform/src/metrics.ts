import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** The process's metrics, shown at `/metrics`. Label values must come from a bounded set: never a project, id or host. */
export const metrics = new Registry();

collectDefaultMetrics({ register: metrics });

/** Time from the request's arrival to its answer's end, by method, route pattern and status class. */
export const httpDuration = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Duration of HTTP requests by method, route pattern and status class.',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  registers: [metrics],
});
