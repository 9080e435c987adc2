/** Why something packed cannot be unpacked. */

/** It is damaged or cut off. The message goes on after `this is a gzip file, and `. */
export class DamageError extends Error {}

/** It cannot be unpacked here, and nothing is said against it. */
export class NotUnpackedError extends Error {}

/** It takes a program that is not on this computer. The message stands for itself. */
export class NoProgramError extends NotUnpackedError {}

/** It is of a form that is not read here. The message goes on after `this is a gzip file, and `. */
export class UnreadFormError extends NotUnpackedError {}
