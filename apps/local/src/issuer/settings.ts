/** What the stack hands over to its issuer in ISSUER, as JSON. */
export interface IssuerSettings {
  /** Where callers reach the API, which passes the issuer's paths on: the issuer's name, and the root of the resources it makes tokens for. */
  readonly publicUrl: string;
  /** Where the issuer asks the API who a person is, and records what they agreed to. */
  readonly apiUrl: string;
  /** Shared with the API, which believes whoever shows it about where a person's browser is. */
  readonly apiSecret: string;
  readonly port: number;
  /** Of the role purser_issuer. */
  readonly databaseUrl: string;
  readonly keystore: string;
  readonly passphrase: string;
  /** Whether anybody may register a client. */
  readonly registration: boolean;
}
