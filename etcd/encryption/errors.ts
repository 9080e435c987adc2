/** A configuration that an API server would not take either. The message names the place in it, never what stands there. */
export class EncryptionConfigError extends Error {}
