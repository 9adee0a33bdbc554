// An OAuth issuer made of one key: signs whatever a test wants it to have said.
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

export class TokenIssuer {
  readonly issuer = 'https://id.example';
  readonly jwksUrl = 'https://id.example/jwks';

  private constructor(
    private readonly key: CryptoKey,
    readonly jwk: JWK,
    private readonly nowMs: () => number,
  ) {}

  static async make(nowMs: () => number): Promise<TokenIssuer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    return new TokenIssuer(privateKey, { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }, nowMs);
  }

  token(claims: Readonly<Record<string, unknown>>): Promise<string> {
    const iat = Math.floor(this.nowMs() / 1000);
    return new SignJWT({
      iss: this.issuer,
      sub: 'ann@example.test',
      client_id: 'app',
      iat,
      exp: iat + 600,
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
      .sign(this.key);
  }
}
