/** What happens to files on their way: cut, padded, shifted, mangled. */
import { withTrailer } from "../../support/bbolt-builder";
import { databaseOf, inDatabase, type Kind, type Mutant } from "../mutant";

const TRAILER = 32;

export const TRANSPORT: readonly Kind[] = [
  {
    id: "cut",
    title: "the end is missing",
    mutants: ({ good: { file, anatomy } }, random, places) => {
      const cuts = [0, 1, 16, 512, 4096, 8192, file.length - 1, file.length - TRAILER];
      const anywhere = Array.from({ length: places }, () => random.below(file.length));
      const atPages = Array.from(
        { length: places },
        () => random.below(anatomy.pages) * anatomy.pageSize,
      );
      // These pass etcd's own test, "32 more than a multiple of 512".
      const looksWhole = atPages.map((length) => length + TRAILER);
      return [...cuts, ...anywhere, ...atPages, ...looksWhole].map((length) => ({
        place: `${length} of ${file.length} bytes left`,
        make: () => file.subarray(0, length),
      }));
    },
  },
  {
    id: "cut-mended",
    title: "the end is missing, a right trailer behind what is left",
    mutants: ({ good: { file, anatomy } }, random, places) =>
      Array.from({ length: places }, (_, i) =>
        i % 2 === 0 ? random.below(file.length) : random.below(anatomy.pages) * anatomy.pageSize,
      ).map((length) => ({
        place: `${length} of ${anatomy.databaseBytes} bytes of database left`,
        make: () => withTrailer(databaseOf(file).subarray(0, length)),
      })),
  },
  {
    id: "padded",
    title: "bytes too many at the end",
    mutants: ({ good: { file } }, random, places) => {
      const tails: readonly (readonly [string, Buffer])[] = [
        ["a newline", Buffer.from("\n")],
        ["the trailer again", file.subarray(file.length - TRAILER)],
        ["the file again", file],
        ...[1, 31, 32, 512, 4064, 4096, 65_536].map(
          (n) => [`${n} zeros`, Buffer.alloc(n)] as const,
        ),
        ...Array.from({ length: places }, () => random.bytes(1 + random.below(5000))).map(
          (noise) => [`${noise.length} bytes of noise`, noise] as const,
        ),
      ];
      return tails.map(([place, tail]) => ({ place, make: () => Buffer.concat([file, tail]) }));
    },
  },
  {
    id: "padded-mended",
    title: "pages too many at the end, a right trailer behind them",
    mutants: ({ good: { file } }, random, places) =>
      Array.from({ length: places }, (_, i) =>
        i % 2 === 0 ? 4096 * (1 + i) : 1 + random.below(9000),
      ).map((length) => ({
        place: `${length} bytes of database more`,
        make: () => withTrailer(Buffer.concat([databaseOf(file), Buffer.alloc(length)])),
      })),
  },
  {
    id: "shifted",
    title: "a byte lost or doubled in the middle",
    mutants: ({ good: { file } }, random, places) =>
      Array.from({ length: places }, () => random.below(file.length - TRAILER)).flatMap(
        (at): Mutant[] => {
          const lost = (bytes: Buffer) =>
            Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
          const doubled = (bytes: Buffer) =>
            Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]);
          return [
            { place: `byte ${at} lost`, make: () => lost(file) },
            { place: `byte ${at} doubled`, make: () => doubled(file) },
            // Of the right length again, and with a trailer that fits.
            {
              place: `byte ${at} lost, a zero at the end`,
              make: () => withTrailer(Buffer.concat([lost(databaseOf(file)), Buffer.alloc(1)])),
            },
          ];
        },
      ),
  },
  {
    id: "chunks",
    title: "a chunk lost, doubled, or in the place of another",
    mutants: ({ good: { file } }, random, places) => {
      const size = 32_768;
      const count = Math.floor(file.length / size);
      return Array.from({ length: places }, (): Mutant => {
        const at = random.below(count - 1) * size;
        const after = at + size;
        const chunk = file.subarray(at, after);
        const [head, tail] = [file.subarray(0, at), file.subarray(after)];
        const next = file.subarray(after, after + size);
        return random.pick<Mutant>([
          { place: `chunk at ${at} lost`, make: () => Buffer.concat([head, tail]) },
          {
            place: `chunk at ${at} doubled`,
            make: () => Buffer.concat([head, chunk, chunk, tail]),
          },
          {
            place: `chunks at ${at} and ${after} swapped`,
            make: () => Buffer.concat([head, next, chunk, file.subarray(after + next.length)]),
          },
        ]);
      });
    },
  },
  {
    id: "chunks-mended",
    title: "chunks swapped, a right trailer",
    mutants: ({ good: { file, anatomy } }, random, places) => {
      const size = anatomy.pageSize * 2;
      const count = Math.floor(anatomy.databaseBytes / size);
      return Array.from({ length: places }, () => {
        const [one, two] = random.sample(
          Array.from({ length: count }, (_, i) => i * size),
          2,
        );
        const [a = 0, b = 0] = [one, two];
        return {
          place: `bytes ${a} and ${b}, ${size} each`,
          make: () => {
            const database = databaseOf(file);
            const chunk = Buffer.from(database.subarray(a, a + size));
            database.copyWithin(a, b, b + size);
            chunk.copy(database, b);
            return withTrailer(database);
          },
        };
      });
    },
  },
  {
    id: "text",
    title: "taken for text: line ends, UTF-8, upper case, a terminal's NULs",
    mutants: ({ good: { file } }) => {
      const ways: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
        [
          "\\n made \\r\\n",
          (bytes) => Buffer.from(bytes.toString("latin1").replaceAll("\n", "\r\n"), "latin1"),
        ],
        [
          "\\r\\n made \\n",
          (bytes) => Buffer.from(bytes.toString("latin1").replaceAll("\r\n", "\n"), "latin1"),
        ],
        [
          "\\n made \\r",
          (bytes) => Buffer.from(bytes.toString("latin1").replaceAll("\n", "\r"), "latin1"),
        ],
        ["read and written as UTF-8", (bytes) => Buffer.from(bytes.toString("utf8"))],
        ["the eighth bit lost", (bytes) => Buffer.from(bytes.map((byte) => byte & 127))],
        ["zeros dropped", (bytes) => Buffer.from(bytes.filter((byte) => byte !== 0))],
        [
          "one value in capitals",
          (bytes) => Buffer.from(bytes.toString("latin1").replace("foxtrot", "FOXTROT"), "latin1"),
        ],
        ["base64", (bytes) => Buffer.from(bytes.toString("base64"))],
        ["hex", (bytes) => Buffer.from(bytes.toString("hex"))],
      ];
      return ways
        .flatMap(([place, way]) => inDatabase(file, place, way))
        .concat(
          ways.map(([place, way]) => ({
            place: `${place}, the trailer too`,
            make: () => way(file),
          })),
        );
    },
  },
  {
    id: "trailer",
    title: "the trailer lost, empty, of another backup, of the whole file",
    mutants: ({ good: { file }, older, newer, other }) => [
      { place: "lost", make: () => databaseOf(file) },
      { place: "zeros", make: () => Buffer.concat([databaseOf(file), Buffer.alloc(TRAILER)]) },
      {
        place: "spaces",
        make: () => Buffer.concat([databaseOf(file), Buffer.alloc(TRAILER, " ")]),
      },
      ...[...older, newer, other].map((backup) => ({
        place: `that of ${backup.name}`,
        make: () =>
          Buffer.concat([databaseOf(file), backup.file.subarray(backup.file.length - TRAILER)]),
      })),
      { place: "of the file with its trailer", make: () => withTrailer(file) },
    ],
  },
];
