/** Why something packed cannot be unpacked. */

/** It is damaged or cut off. The message goes on after `this is a gzip file, and `. */
export class DamageError extends Error {}

/** It takes a program that is not on this computer. The message stands for itself. */
export class NoProgramError extends Error {}
