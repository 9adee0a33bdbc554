import { judgeOffers, termsDigest } from '../judge-terms.js';
import { record, type StepContext, type StepOutcome } from './step.js';
import { askPrice, judging, whyNotSettled } from './quote.js';

/** After an approval, time has passed: ask the seller again. Other terms go back to judgement (ruling 13, P12). */
export async function confirmTerms({ ports, cursor }: StepContext): Promise<StepOutcome> {
  if (cursor.state.status !== 'approved') return { kind: 'again' };
  const subject = judging(ports, cursor.claimed, cursor.state.request);
  const price = await askPrice(ports, subject, cursor.state.request);
  if (price.kind === 'free')
    return record({ type: 'Refuse', code: 'payment_not_required', details: { status: price.answer.status } });
  if (price.kind === 'refused') {
    const transient = price.code === 'seller_unreachable' || price.code === 'seller_timeout';
    if (transient) return { kind: 'retry', reason: price.code, afterMs: 5_000 };
    return record({ type: 'Refuse', code: price.code, details: price.details });
  }
  const { terms, judged } = await judgeOffers(ports, subject, price);
  if (!judged.ok) return record({ type: 'Refuse', code: judged.code, details: judged.details });
  const reason = whyNotSettled(ports, cursor.state.request, terms, judged.verdict);
  if (reason !== null)
    return record({ type: 'Refuse', code: 'unpayable_challenge', details: { reasons: [reason] } });
  cursor.rules = judged.rules;
  return record({
    type: 'ConfirmTerms',
    terms,
    verdict: judged.verdict,
    termsDigest: termsDigest(ports, terms),
  });
}
