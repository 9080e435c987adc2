/** What our HTML pages begin with, the page of one backup and that of many. */
import { STYLE } from "./html-style";
import { markup, type Markup } from "./markup";

/** What is the page's own. */
export interface PageHead {
  readonly title: string;
  /** CSS after that of all pages; default: none. */
  readonly style?: string;
  /** SHA-256 of the one script that may run, in base64; default: none may. */
  readonly scriptHash?: string;
}

/**
 * `<head>` of a page that stands alone: its Content-Security-Policy allows no request, and no script that it does not name.
 * @example
 * pageHead({ title: "Pass: restore of backup.db" }).markup; // "<head>\n<meta charset=…"
 */
export function pageHead({ title, style = "", scriptHash }: PageHead): Markup {
  const script = scriptHash === undefined ? "" : ` script-src 'sha256-${scriptHash}';`;
  const policy = `default-src 'none'; style-src 'unsafe-inline';${script} base-uri 'none'; form-action 'none'`;
  return markup`<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="${policy}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta name="referrer" content="no-referrer"/>
<title>${title}</title>
<style>${{ markup: STYLE + style }}</style>
</head>`;
}
