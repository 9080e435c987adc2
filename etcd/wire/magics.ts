/** The bytes by which a file, or a page, is known for what it is. */

/** What every bbolt database has at byte 16 of its first two pages (`bbolt/internal/common/types.go`). */
export const BBOLT = Buffer.from("edda0ced", "hex");
/** RFC 1952, 2.3.1. */
export const GZIP = Buffer.from("1f8b", "hex");
/** RFC 8878, 3.1.1. */
export const ZSTD = Buffer.from("28b52ffd", "hex");
/** `xz-file-format.txt`, 2.1.1.1. */
export const XZ = Buffer.from("fd377a585a00", "hex");
