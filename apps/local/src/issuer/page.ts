// The pages a person sees: no script, nothing from elsewhere, every word that is not ours escaped.
import { SCOPE_TEXT, type Scope } from './scopes.js';

export interface Request {
  readonly clientId: string;
  readonly clientName: string;
  /** Where the answer goes: the one thing about a registered client that it cannot make up. */
  readonly redirectUri: string;
  readonly resource: string;
  readonly scopes: readonly Scope[];
}

export interface ListedAgent {
  readonly agentId: string;
  readonly name: string;
}

/** First: whose key is it? */
export function askForKey(request: Request, problem?: string): string {
  return page(
    'Connect to Purser',
    `${about(request)}${shown(problem)}
    <form method="post" autocomplete="off">
      <input type="hidden" name="step" value="key">
      <label>Your key (an admin's or an approver's)
        <input type="password" name="key" required autofocus maxlength="200" autocomplete="off" spellcheck="false"></label>
      <p class="hint">It proves who you are and is not handed on to the client.</p>
      <button>Go on</button>
    </form>${refusal()}`,
  );
}

/** Then: which agent, and what for? */
export function askForConsent(request: Request, agents: readonly ListedAgent[], problem?: string): string {
  const options = agents.map(
    ({ agentId, name }) => `<option value="${escape(agentId)}">${escape(name)}</option>`,
  );
  const boxes = request.scopes.map(
    (scope) =>
      `<label class="box"><input type="checkbox" name="scope" value="${scope}" checked> ${SCOPE_TEXT[scope]} <code>${scope}</code></label>`,
  );
  return page(
    'Connect to Purser',
    `${about(request)}${shown(problem)}
    <form method="post" autocomplete="off">
      <input type="hidden" name="step" value="consent">
      <label>It may act for one agent
        <select name="agent" required>${options.join('')}</select></label>
      <fieldset><legend>and there</legend>${boxes.join('')}</fieldset>
      <p class="hint">You stand behind what it does: you cannot approve payments that it asks for.</p>
      <button>Allow</button>
    </form>${refusal()}`,
  );
}

/** Of every page; a page with a form also says where its answer may lead. */
export const PAGE_HEADERS = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
} as const;

export function explainError(error: string, description: string): string {
  return page('This did not work', `<p><code>${escape(error)}</code></p><p>${escape(description)}</p>`);
}

function about({ clientId, clientName, redirectUri, resource }: Request): string {
  return `<p><strong>${escape(clientName)}</strong> asks for access to <code>${escape(resource)}</code>.</p>
    <p class="hint">It gave itself that name. Client <code>${escape(clientId)}</code>; the answer goes to <code>${escape(redirectUri)}</code>.</p>`;
}

const shown = (problem?: string): string =>
  problem === undefined ? '' : `<p class="problem" role="alert">${escape(problem)}</p>`;

const refusal = (): string =>
  '<form method="post"><input type="hidden" name="step" value="refuse"><button class="quiet">Refuse</button></form>';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a}
label{display:block;margin:1rem 0}input[type=password],select{display:block;width:100%;padding:.5rem;font:inherit;box-sizing:border-box}
.box{margin:.3rem 0}fieldset{border:1px solid #ccc}button{padding:.5rem 1.2rem;font:inherit}.quiet{background:none;border:0;text-decoration:underline}
.hint{color:#555;font-size:.9rem}.problem{color:#a00}code{overflow-wrap:anywhere}`;

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title><style>${STYLE}</style><h1>${escape(title)}</h1>${body}</html>`;
}

const MARKS: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also takes away what would turn the direction of the text around (T46). */
function escape(text: string): string {
  return text
    .slice(0, 500)
    .replace(/[\p{Cc}\p{Cf}]/gu, ' ')
    .replace(/[&<>"']/g, (mark) => MARKS[mark] ?? '');
}
