import type { Response } from 'express';

/** One thing on sale. Prices in millionths of a dollar. */
export interface Product {
  readonly path: `/${string}`;
  readonly priceAtomic: bigint;
  readonly description: string;
  readonly mimeType: string;
  readonly deliver: (response: Response) => void;
}

/** All byte values, so that a payer who treats bodies as text is found out. */
export const BINARY_GOODS: Buffer = Buffer.from(
  Uint8Array.from({ length: 1_024 }, (_, index) => index % 256),
);

export const CATALOGUE: readonly Product[] = [
  {
    path: '/weather',
    priceAtomic: 10_000n,
    description: 'The weather in Aarhus',
    mimeType: 'application/json',
    deliver: (response) => void response.json({ city: 'Aarhus', temperature_c: 11, sky: 'overcast' }),
  },
  {
    path: '/report',
    priceAtomic: 250_000n,
    description: 'A market report',
    mimeType: 'application/json',
    deliver: (response) =>
      void response.json({ title: 'Wholesale power, weekly', pages: 14, trend: 'falling' }),
  },
  {
    path: '/binary',
    priceAtomic: 10_000n,
    description: 'A kilobyte that is not text',
    mimeType: 'application/octet-stream',
    deliver: (response) => void response.type('application/octet-stream').send(BINARY_GOODS),
  },
];
