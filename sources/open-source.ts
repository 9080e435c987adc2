/** Opens the place that a SOURCE names. The SDK of S3 is loaded when an S3 store is opened, and not before. */
import { parseAddress } from "./address";
import { openFolder } from "./folder";
import { openLink } from "./https";
import { openPipe } from "./pipe";
import { openS3 } from "./s3";
import type { Store } from "./store";
import { openSwift } from "./swift";

/**
 * @param word a path, `https://…`, `s3://BUCKET/PREFIX`, `swift://CONTAINER/PREFIX`, or `-`
 * @throws SourceError
 */
export function openSource(word: string): Store {
  const address = parseAddress(word);
  switch (address.kind) {
    case "path":
      return openFolder(address.path);
    case "pipe":
      return openPipe();
    case "https":
      return openLink(address.url);
    case "s3":
      return openS3(address.container, address.prefix);
    case "swift":
      return openSwift(address.container, address.prefix);
  }
}
