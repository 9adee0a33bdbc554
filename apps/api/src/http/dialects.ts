import { facilitator } from '../facilitator/dialect.js';
import { native } from '../native/dialect.js';
import { DIALECT, type Dialect } from './dialect.js';
import { routesOf } from './routes.js';

/** Which dialect a request is in: that of its route, or of the path where there is no such route, so that also this is said in the right words. */
export class Dialects {
  private readonly byRoute = new Map<string, Dialect>();
  private readonly byPrefix: readonly { readonly prefix: string; readonly dialect: Dialect }[];

  constructor(controllers: readonly object[]) {
    const dialects = new Set<Dialect>([...facilitator, native]);
    for (const controller of controllers) {
      const dialect = speaking(controller);
      if (dialect === undefined) continue;
      dialects.add(dialect);
      for (const { method, path } of routesOf([controller])) this.byRoute.set(`${method} ${path}`, dialect);
    }
    this.byPrefix = [...dialects]
      .flatMap((dialect) => dialect.prefixes.map((prefix) => ({ prefix, dialect })))
      .toSorted((a, b) => b.prefix.length - a.prefix.length);
  }

  of(request: DialectRequest): Dialect {
    const route = request.routeOptions?.url;
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const own = route === undefined ? undefined : this.byRoute.get(`${method} ${route}`);
    return own ?? this.at(route ?? request.url);
  }

  private at(url: string): Dialect {
    const [path = ''] = url.split('?');
    const found = this.byPrefix.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
    return found?.dialect ?? native;
  }
}

export interface DialectRequest {
  readonly method: string;
  readonly url: string;
  readonly routeOptions?: { readonly url?: string | undefined };
}

/** Those whose dialect is switched on, and all that belong to no vendor. */
export function served<Controller extends object>(
  controllers: readonly Controller[],
  names: readonly string[],
): readonly Controller[] {
  return controllers.filter((controller) => {
    const dialect = speaking(controller);
    return dialect === undefined || names.includes(dialect.name);
  });
}

function speaking(controller: object): Dialect | undefined {
  return Reflect.getMetadata(DIALECT, controller) as Dialect | undefined;
}
