import fc from "fast-check";

const MARKS =
  "|,`,<b>,</details>,]]>,<!--,\n,\r,\t,&lt;,[a](b),![,www.a.io,a@b.io,\\,_*~,:x:,\",',\u202e,$a$".split(
    ",",
  );

/** Texts of any UTF-16 code units, lone surrogates and controls among them, and of what means something in markup. */
export const wildText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(...MARKS),
      fc.integer({ min: 0, max: 0xa0 }).map((unit) => String.fromCharCode(unit)),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));
