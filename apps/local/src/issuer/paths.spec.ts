import { expect, it } from 'vitest';
import { destinationOf } from './paths.js';

it.each([
  ['/health', 'health'],
  ['/oauth/reg', 'registration'],
  ['/oauth/auth?client_id=x&scope=/oauth/reg', 'authorization'],
  ['/oauth/auth/aB3_-x', 'resume'],
  ['/connect/aB3_-x', 'connect'],
  ['/oauth/token/revocation', 'protocol'],
  ['/.well-known/openid-configuration', 'protocol'],
])('%s leads to %s', (target, destination) => expect(destinationOf(target)).toBe(destination));

it.each([
  '/oauth/REG',
  '/oauth/reg/',
  '/oauth/reg/?x=1',
  '/oauth/%72eg',
  '//oauth/reg',
  '/oauth//reg',
  '/oauth/x/../reg',
  '/oauth\\reg',
  '/oauth/reg;a',
  '/oauth/reg#a',
  'http://issuer/oauth/reg',
  '/oauth/AUTH',
  '/oauth/auth/',
  '/oauth/Auth/abc',
  '/oauth/auth/abc/',
  '/oauth/session/end/confirm',
  '/Connect/abc',
  '',
])('nothing is under %j, whatever the library would make of it', (target) =>
  expect(destinationOf(target)).toBeUndefined(),
);
