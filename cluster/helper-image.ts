/** The image of our own pods where none is named: it has sh, cat, df, rm, sha256sum, sleep and wc. */
export const HELPER_IMAGE = "busybox:1.37";
