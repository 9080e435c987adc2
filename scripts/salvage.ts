/** The flag `--salvage` of `ls` and `get`: what can be read of a damaged backup, and what cannot, in words. */
import { counted, grouped, size } from "../etcd/wire/figures";
import { isWhole, type Losses } from "../etcd/snapshot/salvage";
import { EXIT, UserError } from "./outcome";
import { say } from "./terminal";

/** Pages that are named one by one. */
const NAMED = 10;

/** Refuses the flag where no backup is read. @throws UserError (wrong use) */
export function assertSalvageable(salvage: boolean | undefined, file: string | undefined): void {
  if (salvage !== true || file !== undefined) return;
  throw new UserError(
    EXIT.usage,
    "--salvage reads around the damage of a backup: name its FILE; a running etcd is asked without it",
  );
}

/** Says what is missing, on stderr; returns whether anything is. */
export function tellLosses(losses: Losses): boolean {
  if (isWhole(losses)) {
    say("every page that holds keys could be read; `inspect` says what is wrong with the file");
    return false;
  }
  for (const line of linesOf(losses)) say(`warning: ${line}`);
  return true;
}

function linesOf({ pages, records, strayKeys, missingBytes, packing }: Losses): readonly string[] {
  const named = pages.slice(0, NAMED).map(({ problem }) => problem);
  return [
    ...(packing === undefined
      ? []
      : [`this is ${packing}; what comes before that was unpacked, and is read here`]),
    ...(missingBytes > 0 ? [`the last ${size(missingBytes)} of the file are missing`] : []),
    ...(pages.length > 0 ? [`${counted(pages.length, "page")} cannot be read`] : []),
    ...named,
    ...(pages.length > NAMED ? [`and ${grouped(pages.length - NAMED)} more`] : []),
    ...(records > 0 ? [`${counted(records, "record")} of other pages cannot be read`] : []),
    ...(strayKeys > 0
      ? [
          `${counted(strayKeys, "key")} were found in pages to which nothing leads any more: they may be old, changed or ` +
            "deleted since",
        ]
      : []),
    "what cannot be read may have held newer values of what is shown, or their deletion; nothing vouches for any of it, and " +
      "this is no backup to restore: use an older one, and this for what it lacks",
  ];
}
