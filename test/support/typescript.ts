import * as path from "node:path";

/** What `node --require` needs to run one of our TypeScript programs. */
export const TYPESCRIPT = path.join(__dirname, "..", "..", "engine", "typescript.cjs");
