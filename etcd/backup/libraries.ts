/** Libraries, each loaded when it is used first: a plain file without a manifest needs none, and they would take 0.2 s. */
/* eslint-disable @typescript-eslint/no-require-imports -- `import()` would ask Node's ESM loader */
import type { Decrypter } from "age-encryption" with { "resolution-mode": "import" };
import type { Decompress } from "fzstd";
import type { XzReadableStream } from "xz-decompress";
import type { z } from "zod";

export const libraries = {
  age: () => require("age-encryption") as { readonly Decrypter: typeof Decrypter },
  xz: () => require("xz-decompress") as { readonly XzReadableStream: typeof XzReadableStream },
  zip: () => require("yauzl") as typeof import("yauzl"),
  zod: () => (require("zod") as { readonly z: typeof z }).z,
  zstd: () => require("fzstd") as { readonly Decompress: typeof Decompress },
};
