export const CORE = Symbol('CORE');
export const OPTIONS = Symbol('OPTIONS');
