// Text written by an agent or a seller, made harmless to look at: nothing invisible, nothing that reorders what stands around it (T46).
const MAX_CHARS = 500;
/** Controls, bidi marks and overrides, zero-width characters, soft hyphen, variation selectors, tags, private use, lone surrogates. */
const DECEPTIVE =
  /\p{Cc}|\p{Cf}|\p{Co}|\p{Cs}|\p{Zl}|\p{Zp}|\p{Variation_Selector}|\p{Default_Ignorable_Code_Point}/gu;

export interface UntrustedText {
  readonly untrusted: true;
  readonly text: string;
  readonly truncated: boolean;
}

export function untrusted(text: string | null): UntrustedText | null {
  if (text === null) return null;
  const points = Array.from(text);
  const shown = points.slice(0, MAX_CHARS).join('').replace(DECEPTIVE, escapeOne);
  return { untrusted: true, text: shown, truncated: points.length > MAX_CHARS };
}

function escapeOne(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  return `\\u{${point.toString(16).padStart(4, '0')}}`;
}
