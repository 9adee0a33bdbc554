import type { PresentAnswer, PriceAnswer, Seller, SellerRequest } from '#engine';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fairSeller } from './fair-seller.js';

const request = (url: string): SellerRequest => ({ url }) as SellerRequest;
const limits = { maxAmount: null };
const header = { name: 'PAYMENT-SIGNATURE', value: 'x' };

/** Answers at `fast` at once, everywhere else when told to. */
function world(options: Parameters<typeof fairSeller>[1]) {
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const answer = <T>(url: string): Promise<T> => {
    asked.push(url);
    if (url.includes('fast')) return Promise.resolve({} as T);
    return new Promise((resolve) => {
      answers.push(() => resolve({} as T));
    });
  };
  const seller: Seller = {
    askPrice: ({ url }) => answer<PriceAnswer>(url),
    present: ({ url }) => answer<PresentAnswer>(url),
    readChallenge: () => ({}) as PriceAnswer,
  };
  return { seller: fairSeller(seller, options), asked, answers };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the fair seller', () => {
  it('refuses for now what waited too long for a slow host, and serves other hosts meanwhile', async () => {
    const { seller, asked } = world({ perHost: 2, waitMs: 2_000 });
    void seller.askPrice(request('https://slow.test/a'), limits);
    void seller.askPrice(request('https://slow.test/b'), limits);
    const third = seller.askPrice(request('https://slow.test/c'), limits);
    const refused = expect(third).rejects.toMatchObject({ code: 'rate_limited' });
    await seller.askPrice(request('https://fast.test/'), limits);
    await vi.advanceTimersByTimeAsync(2_000);
    await refused;
    expect(asked).toEqual(['https://slow.test/a', 'https://slow.test/b', 'https://fast.test/']);
  });

  it('refuses at once when too many wait already', async () => {
    const { seller } = world({ perHost: 1, waitingPerHost: 1 });
    void seller.askPrice(request('https://slow.test/a'), limits);
    seller.askPrice(request('https://slow.test/b'), limits).catch(() => undefined);
    await expect(seller.askPrice(request('https://slow.test/c'), limits)).rejects.toMatchObject({
      code: 'rate_limited',
    });
  });

  it('admits the next when one is done, and always presents a signed payment', async () => {
    const { seller, asked, answers } = world({ perHost: 1 });
    void seller.askPrice(request('https://slow.test/a'), limits);
    void seller.askPrice(request('https://slow.test/b'), limits);
    void seller.present(request('https://slow.test/paid'), header);
    expect(asked).toEqual(['https://slow.test/a', 'https://slow.test/paid']);
    answers.splice(0).forEach((answer) => answer());
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual(['https://slow.test/a', 'https://slow.test/paid', 'https://slow.test/b']);
  });
});
