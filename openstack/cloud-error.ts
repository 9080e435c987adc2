/** A cloud that cannot be used: over what the user gave, or because nobody answers as it should. */
export class CloudError extends Error {
  constructor(
    readonly kind: "usage" | "environment",
    message: string,
  ) {
    super(message);
  }
}
