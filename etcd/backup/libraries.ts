/** Libraries that unpack, each loaded when it is used first: a plain file needs none, and they would take 0.1 s. */
/* eslint-disable @typescript-eslint/no-require-imports -- `import()` would ask Node's ESM loader */
import type { Decompress } from "fzstd";
import type { XzReadableStream } from "xz-decompress";

export const libraries = {
  xz: () => require("xz-decompress") as { readonly XzReadableStream: typeof XzReadableStream },
  zip: () => require("yauzl") as typeof import("yauzl"),
  zstd: () => require("fzstd") as { readonly Decompress: typeof Decompress },
};
