/** Opens the place that a SOURCE names. What takes a library loads it here, and only then. */
import { parseAddress } from "./address";
import { openFolder } from "./folder";
import type { Store } from "./store";

/* eslint-disable @typescript-eslint/no-require-imports -- a folder needs neither HTTP nor an SDK */
/**
 * @param word a path, `https://…`, `s3://BUCKET/PREFIX`, `swift://CONTAINER/PREFIX`, or `-`
 * @throws SourceError
 */
export function openSource(word: string): Store {
  const address = parseAddress(word);
  switch (address.kind) {
    case "path":
      return openFolder(address.path);
    case "pipe": {
      const { openPipe } = require("./pipe") as typeof import("./pipe");
      return openPipe();
    }
    case "https": {
      const { openLink } = require("./https") as typeof import("./https");
      return openLink(address.url);
    }
    case "s3": {
      const { openS3 } = require("./s3") as typeof import("./s3");
      return openS3(address.container, address.prefix);
    }
    case "swift": {
      const { openSwift } = require("./swift") as typeof import("./swift");
      return openSwift(address.container, address.prefix);
    }
  }
}
/* eslint-enable @typescript-eslint/no-require-imports */
