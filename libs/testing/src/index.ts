export { aDatabase, templateOnce, testPostgresUrl, type TestDatabase } from './a-database.js';
export { describeWithRedis, startRedis, type RedisServer } from './redis-server.js';
export { freePort } from './free-port.js';
export { quickPasswordHash } from './quick-password-hash.js';
export {
  expectStatus,
  startPlatform,
  type AppName,
  type CreatedProject,
  type RunningPlatform,
} from './running-platform.js';
export { runs, SeededRandom } from './seeded-random.js';
export { until } from './until.js';
