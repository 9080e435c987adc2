/** Says a line at most once a second. */
export function progressLines(): (line: string) => void {
  let last = Date.now();
  return (line) => {
    if (Date.now() - last < 1000) return;
    last = Date.now();
    process.stderr.write(`${line}\n`);
  };
}
