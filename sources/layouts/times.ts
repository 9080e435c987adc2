/** When a backup was taken, by the times that people put into names and folders. Without a zone they are read as UTC. */

const DAY_MS = 86_400_000;
/** The first etcd of version 3 is of 2016. */
const EARLIEST = Date.UTC(2015, 0, 1);

const DATE = String.raw`(20\d\d)(?:[-_./]([01]?\d)[-_./]([0-3]?\d)|([01]\d)([0-3]\d))`;
const TIME = String.raw`([0-2]\d)[-:_.h]?([0-5]\d)(?:[-:_.m]?([0-5]\d))?(?:[.,]\d+)?`;
const ZONE = String.raw`(Z|[+-][0-2]\d:?[0-5]\d(?!\d))?`;
/** Digits before or behind would make it another number. */
const MOMENT = new RegExp(`(?<!\\d)${DATE}(?:[T_ /.-]{1,2}|--)?${TIME}${ZONE}(?!\\d)`, "gi");
const DAY = new RegExp(`(?<!\\d)${DATE}(?!\\d)`, "g");
const UNIX = /(?<!\d)1[4-9]\d{8}(?!\d)/g;

/**
 * The moment that a path names; the last where there are several. A day without an hour counts only as far as
 * `modified` does not tell more.
 */
export function timeIn(path: string, modified: Date | undefined): Date | undefined {
  const moment = lastOf(path, MOMENT, momentOf) ?? lastOf(path, UNIX, unixOf);
  if (moment !== undefined) return moment;
  const day = lastOf(path, DAY, momentOf);
  if (day === undefined || modified === undefined) return day;
  const after = modified.getTime() - day.getTime();
  // A zone may lie between the day of the name and that of the clock.
  return after > -DAY_MS && after < 2 * DAY_MS ? modified : day;
}

function lastOf(
  path: string,
  pattern: RegExp,
  read: (match: RegExpMatchArray) => Date | undefined,
): Date | undefined {
  const found = [...path.matchAll(pattern)].map(read).filter((date) => date !== undefined);
  return found.at(-1);
}

function unixOf([digits = ""]: RegExpMatchArray): Date {
  return new Date(Number(digits) * 1000);
}

function momentOf(match: RegExpMatchArray): Date | undefined {
  const [, year = "", month = match[4] ?? "", day = match[5] ?? "", , , ...time] = match;
  const [hour = "00", minute = "00", second = "00", zone] = time;
  const offset =
    zone === undefined || /z/i.test(zone) ? "Z" : zone.replace(/^(...)(\d\d)$/, "$1:$2");
  const date = new Date(
    `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}T${hour}:${minute}:${second}${offset}`,
  );
  return Number.isNaN(date.getTime()) || date.getTime() < EARLIEST ? undefined : date;
}
