import { USE } from "./kinds/use";
import type { Kind } from "./mutant";
import { BESIDE } from "./kinds/beside";
import { BITS } from "./kinds/bits";
import { DATA_DIRECTORY } from "./kinds/data-directory";
import { ENCRYPTED } from "./kinds/encrypted";
import { FORGED } from "./kinds/forged";
import { SMALL_FORMS } from "./kinds/forms";
import { FREELIST } from "./kinds/freelist";
import { HISTORY } from "./kinds/history";
import { PAGES } from "./kinds/pages";
import { REPLACED } from "./kinds/replaced";
import { KMS } from "./kinds/kms";
import { TRANSPORT } from "./kinds/transport";

/** Every kind of damage, by where it comes from. */
export const KINDS: readonly Kind[] = [
  ...BITS,
  ...PAGES,
  ...TRANSPORT,
  ...HISTORY,
  ...BESIDE,
  ...SMALL_FORMS,
  ...FREELIST,
  ...REPLACED,
  ...FORGED,
  ...DATA_DIRECTORY,
  ...ENCRYPTED,
  ...KMS,
  ...USE,
];
