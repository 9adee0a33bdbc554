import type { StackFile } from '../stack/stack-file.js';

const bold = process.stdout.isTTY
  ? (text: string): string => `\u001b[1m${text}\u001b[22m`
  : (text: string) => text;
const dim = process.stdout.isTTY
  ? (text: string): string => `\u001b[2m${text}\u001b[22m`
  : (text: string) => text;

export function heading(text: string): void {
  console.log(`\n${bold(text)}`);
}

export function line(text: string): void {
  console.log(`  ${text}`);
}

export function detail(text: string): void {
  console.log(dim(`    ${text}`));
}

/** Millionths of a dollar as people write them: every digit that counts, at least cents. */
export function dollars(atomic: bigint): string {
  const digits = atomic.toString().padStart(7, '0');
  const fraction = digits.slice(-6).replace(/0{1,4}$/, '');
  return `$${digits.slice(0, -6)}.${fraction}`;
}

export function printStack(stack: StackFile, file: string): void {
  heading('Purser is up');
  line(`API          ${stack.apiUrls.join(' ')}`);
  line(`documents    ${stack.apiUrl}/docs`);
  line(`OAuth        ${stack.apiUrl}/.well-known/oauth-authorization-server`);
  for (const [name, seller] of Object.entries(stack.sellers))
    line(`${`seller ${name}`.padEnd(12)} ${seller.url}`);
  line(`everything   ${file} (credentials, URLs, process ids)`);
  line('Ctrl-C stops it; what it knows is kept for the next start.');
}

/** What to paste next. */
export function printInvitation(stack: StackFile): void {
  const agent = `-H 'x-agent-id: ${stack.agent.id}' -H 'x-api-key: ${stack.agent.apiKey}'`;
  heading('Your turn');
  line(`base URL   ${stack.apiUrl}   (documents: ${stack.apiUrl}/docs)`);
  line(`agent      ${stack.agent.id}   key ${stack.agent.apiKey}`);
  line(`approver   ${stack.approver.token}`);
  line(`admin      ${stack.adminKey}`);
  const order = JSON.stringify({
    url: `${stack.sellers.v2.url}/weather`,
    method: 'GET',
    max_amount: '10000',
  });
  console.log(`
curl -s ${stack.apiUrl}/v1/agent/balances ${agent}

curl -s ${stack.apiUrl}/v1/agent/x402/purchase ${agent} -H 'idempotency-key: my-first-purchase' -H 'content-type: application/json' -d '${order}'

curl -s '${stack.apiUrl}/v1/agent/operations?limit=5' ${agent}
`);
  line('Ctrl-C stops everything; what it knows is kept for the next start (--reset forgets it).');
}
