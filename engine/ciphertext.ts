/** Values of a stack's file that are encrypted: `secure: TEXT`, which only the key of the stack's secrets opens. */

/** Whether a value is encrypted, or a part of it. */
export function holdsCiphertext(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return isCiphertext(value) || Object.values(value).some(holdsCiphertext);
}

/** Whether a value is encrypted as a whole. */
export function isCiphertext(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return "secure" in value && Object.keys(value).length === 1;
}

/**
 * A value with another text in the place of each part that is encrypted.
 * @param at what the value is called
 * @param sealed gets the names of these parts, as paths below it
 */
export function withoutCiphertext(value: unknown, at: string, sealed: string[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isCiphertext(value)) {
    sealed.push(at);
    return "(encrypted)";
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => withoutCiphertext(item, `${at}.${index}`, sealed));
  }
  const parts = Object.entries(value);
  return Object.fromEntries(
    parts.map(([name, part]) => [name, withoutCiphertext(part, `${at}.${name}`, sealed)]),
  );
}
