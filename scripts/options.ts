/** The flags that every command knows. */

/** What every command is given besides its own options. */
export interface GlobalOptions {
  /** The one JSON on stdout; everything else goes to stderr in any case. */
  readonly json?: boolean;
  /** Only the result (the verdict line, where there is one) and errors. */
  readonly quiet?: boolean;
  /** Stack traces with errors. */
  readonly debug?: boolean;
}
