// The document from which clients learn what is here. Made from the description of the API, so that it cannot differ from it.
import type { OpenAPIObject } from '@nestjs/swagger';
import { OPERATION_TYPES } from './render.js';

const BASE = '/v1/agent';

interface Described {
  readonly summary?: string;
  readonly parameters?: readonly { readonly name?: string; readonly required?: boolean }[];
  readonly requestBody?: object;
  readonly responses?: Readonly<Record<string, object | undefined>>;
  readonly 'x-rate-limit-class'?: string;
}

export function renderCapabilities(document: OpenAPIObject | null): object {
  const paths = Object.entries(document?.paths ?? {}).filter(([path]) => path.startsWith(`${BASE}/`));
  return {
    ok: true,
    api_version: '1.0',
    agent_api_contract_version: '1.7.0',
    base_path: BASE,
    endpoints: paths.flatMap(([path, item]) =>
      Object.entries(item as Record<string, Described>).map(([method, it]) => endpoint(method, path, it)),
    ),
    webhook_event_types: [],
    subscribable_webhook_event_types: [],
    operation_types: OPERATION_TYPES,
  };
}

function endpoint(method: string, path: string, it: Described): object {
  const needsKey = it.parameters?.some(
    (parameter) => parameter.name === 'Idempotency-Key' && parameter.required,
  );
  return {
    method: method.toUpperCase(),
    path,
    description: it.summary ?? '',
    rate_limit_class: it['x-rate-limit-class'] ?? null,
    idempotency_required: needsKey ?? false,
    request_schema: schemaIn(it.requestBody),
    response_schema: schemaIn(it.responses?.['200']),
  };
}

/** Name of the schema in /openapi.json; null: there is no body. */
function schemaIn(holder: object | undefined): string | null {
  const ref = /"\$ref":"#\/components\/schemas\/([A-Za-z0-9]+)"/.exec(JSON.stringify(holder ?? {}));
  return ref?.[1] ?? null;
}
