// The early kill: an authorization that is live is cancelled on chain. The wish decides nothing; the chain does, between it and whoever settles first.
import { facts, no, NOTHING, without, type Decision, type Of, type Whole } from './decision.js';

export function cancelOnChain(
  state: Whole,
  command: Of<'RequestCancellation' | 'RecordCancellation'>,
): Decision {
  switch (command.type) {
    case 'RequestCancellation': {
      if (state.status === 'absent') return no('not_found');
      if (state.status !== 'authorized') return no('too_late', { status: state.status });
      // Permit2 keeps its nonces elsewhere, and has no such message.
      const { method } = state.authorization;
      if (method !== 'eip3009') return no('too_late', { status: state.status, method });
      return state.cancellation === null
        ? facts({ type: 'CancellationRequested', data: without(command) })
        : NOTHING;
    }
    case 'RecordCancellation': {
      if (!('cancellation' in state) || state.cancellation === null) return NOTHING;
      const before = state.cancellation.submission;
      if (before !== null && before.attempt >= command.submission.attempt) return NOTHING;
      return facts({ type: 'CancellationSubmitted', data: without(command) });
    }
  }
}
