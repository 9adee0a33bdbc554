export const CORE = Symbol('core');
export const DOCUMENT = Symbol('openapi document');
