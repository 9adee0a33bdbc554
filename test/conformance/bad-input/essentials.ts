// What every purchase says: its key, the most it may cost, and where.
import { GOOD, purchase, submit, type Row } from './row.js';

const AMOUNTS = [
  '',
  '0x10',
  '1e3',
  '1.0',
  '-1',
  '+1',
  '01',
  ' 1',
  '1 ',
  '1_000',
  '１０',
  `1${'0'.repeat(78)}`,
];
const URLS = [
  'shop.example/item',
  'ftp://shop.example/item',
  'http://shop.example/item',
  'https://user:secret@shop.example/item',
  'https:shop.example',
  'https://shop.example/a b',
  'https://shop.example\\@evil.example/',
  `https://shop.example/${'a'.repeat(5000)}`,
];

export const ESSENTIALS: readonly Row[] = [
  {
    bad: 'missing key',
    call: purchase(GOOD, { key: undefined as never }),
    status: 400,
    code: 'idempotency_key_missing',
    field: 'idempotency_key',
  },
  {
    bad: 'blank key',
    call: purchase(GOOD, { key: '   ' }),
    status: 400,
    code: 'idempotency_key_missing',
    field: 'idempotency_key',
  },
  {
    bad: 'too long key',
    call: purchase(GOOD, { key: 'k'.repeat(201) }),
    status: 400,
    code: 'idempotency_key_invalid',
    field: 'idempotency_key',
  },
  {
    bad: 'key not ASCII',
    call: submit({ kind: 'purchase', ...GOOD }, { key: 'clé' }),
    status: 400,
    code: 'idempotency_key_invalid',
    field: 'idempotency_key',
  },
  ...AMOUNTS.map((amount) => ({
    bad: `amount ${JSON.stringify(amount).slice(0, 20)}`,
    call: purchase({ ...GOOD, max_amount: amount }),
    status: 400,
    code: 'invalid_amount',
    field: 'max_amount',
  })),
  ...[1, 1.5, true, {}, null].map((amount) => ({
    bad: `amount as JSON ${JSON.stringify(amount)}`,
    call: purchase({ ...GOOD, max_amount: amount }),
    status: 400,
    code: 'invalid_amount',
    field: 'max_amount',
  })),
  {
    bad: 'amount above uint256',
    call: purchase({ ...GOOD, max_amount: '9'.repeat(78) }),
    status: 400,
    code: 'invalid_amount',
    field: 'max_amount',
  },
  {
    bad: 'no amount',
    call: purchase({ url: GOOD.url }),
    status: 400,
    code: 'validation_failed',
    field: 'max_amount',
  },
  {
    bad: 'native: no ceiling',
    call: submit({ kind: 'purchase', url: GOOD.url }),
    status: 400,
    code: 'validation_failed',
    field: 'max_amount',
  },
  ...URLS.map((url) => ({
    bad: `URL ${url.slice(0, 40)}`,
    call: purchase({ ...GOOD, url }),
    status: 400,
    code: 'invalid_url',
    field: 'url',
  })),
];
