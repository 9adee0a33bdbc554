export { startAnvil, rpc, LOCAL_CHAIN_ID, type AnvilOptions } from './anvil.js';
export { startPostgres, postgresDataDir, type PostgresOptions } from './postgres.js';
export { startRedis, type RedisOptions } from './redis.js';
export { freePort } from './ports.js';
export { startChild, type Child, type Service } from './child.js';
