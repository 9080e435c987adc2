// @ts-check
/** For `node --require`: a program for which it is a year later. */
const AHEAD_MS = 365 * 24 * 3600 * 1000;
const Real = Date;
const now = () => Real.now.call(Real) + AHEAD_MS;

globalThis.Date = new Proxy(Real, {
  construct: (target, given, as) =>
    /** @type {object} */ (Reflect.construct(target, given.length === 0 ? [now()] : given, as)),
  get: (target, name) =>
    name === "now" ? now : /** @type {unknown} */ (Reflect.get(target, name)),
});
