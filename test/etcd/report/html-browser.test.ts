/** Proves the page in a real Chromium: no request, no error, no overflow, readable in light and dark, usable without colour. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { htmlReport } from "../../../etcd/report/html";
import { readReport, REPORTS } from "./reports";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const QUIET = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** Runs in the page: texts whose colour has less than the contrast that WCAG 2.1 AA asks for (4.5) with what is behind them. */
const FAINT_TEXTS = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("body *:not(title)")]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .flatMap((element) => {
      const style = getComputedStyle(element);
      const ink = luminance(element instanceof SVGElement ? style.fill : style.color);
      const paper = luminance(behind(element.closest("svg") ?? element));
      const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      return contrast < 4.5 ? [element.textContent.slice(0, 40) + ": " + contrast.toFixed(2)] : [];
    });
})()`;

let browser: Browser | undefined;
let directory: string;
const executablePath = CHROMIUM.find((path) => existsSync(path));

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "etcd-restore-html-"));
  for (const name of REPORTS) {
    writeFileSync(join(directory, `${name}.html`), htmlReport(readReport(name)));
  }
  // Each launch has a profile of its own, which goes when the browser is closed.
  if (executablePath !== undefined)
    browser = await chromium.launch({ executablePath, args: QUIET });
});

afterAll(async () => {
  await browser?.close();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(({ skip }) => {
  if (executablePath === undefined) {
    skip(
      `there is no Chromium at ${CHROMIUM.join(", ")}: install the package chromium to run this`,
    );
  }
});

/** Opens a report, gives it to `look`, and returns what the browser complained of and asked for meanwhile. */
async function open(
  name: (typeof REPORTS)[number],
  look: (page: Page) => Promise<void>,
): Promise<string[]> {
  if (browser === undefined) throw new Error("the browser is not there");
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  try {
    const events: string[] = [];
    const url = pathToFileURL(join(directory, `${name}.html`)).href;
    page.on("console", (message) => events.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => events.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => void events.push(`dialog: ${dialog.message()}`));
    page.on("request", (request) => {
      if (request.url() !== url) events.push(`request: ${request.url()}`);
    });
    await page.goto(url, { waitUntil: "load" });
    await look(page);
    return events;
  } finally {
    await page.close();
  }
}

const BACKGROUND = "getComputedStyle(document.body).backgroundColor";
const OPEN_DETAILS = `document.querySelectorAll("details").forEach((each) => { each.open = true; })`;

describe.each(REPORTS)("the page of the report %s in a browser", (name) => {
  it("fits into 380 and into 1280 pixels, asks for nothing and complains of nothing", async () => {
    const events = await open(name, async (page) => {
      await page.evaluate(OPEN_DETAILS);
      for (const width of [380, 1280]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
        const outside = `[...document.querySelectorAll("body *")]
          .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest("svg svg"))
          .map((element) => element.tagName + " " + element.textContent.slice(0, 40))`;
        expect(await page.evaluate(outside)).toEqual([]);
      }
    });
    expect(events).toEqual([]);
  });

  it("can be read in light and in dark", async () => {
    await open(name, async (page) => {
      await page.evaluate(OPEN_DETAILS);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const paper = await page.evaluate<string>(BACKGROUND);
        const brightness = Number(/\d+/.exec(paper)?.[0]);
        expect(brightness > 128 ? "light" : "dark").toBe(colorScheme);
        expect(await page.evaluate(FAINT_TEXTS), colorScheme).toEqual([]);
      }
    });
  });
});

describe("the page in a browser", () => {
  it("has landmarks, one main heading, and headers in every table", async () => {
    await open("fail", async (page) => {
      for (const landmark of ["banner", "main", "contentinfo"] as const) {
        expect(await page.getByRole(landmark).count(), landmark).toBe(1);
      }
      expect(await page.getByRole("heading", { level: 1 }).allTextContents()).toEqual([
        "Verdict: Fail",
      ]);
      const tables = await page.getByRole("table").all();
      expect(tables).toHaveLength(4);
      for (const table of tables) {
        const rows = await table.locator("tbody tr").count();
        expect(await table.locator('thead th[scope="col"]').count()).toBeGreaterThan(2);
        expect(await table.locator('tbody th[scope="row"]').count()).toBe(rows);
      }
    });
  });

  it("shows one picture of the chain, the wide or the narrow one, with its facts as its name", async () => {
    await open("fail", async (page) => {
      for (const width of [1280, 380]) {
        await page.setViewportSize({ width, height: 900 });
        const pictures = await page.getByRole("img", { name: "Source" }).all();
        expect(pictures).toHaveLength(1);
        const name = (await pictures[0]?.locator("title").textContent()) ?? "";
        expect(name).toContain("Backup file (kubernetes-1.35-main.db): Revision 482, Keys 337");
        expect(name).toContain("File and restored etcd: HashKV differs, 6 keys differ.");
      }
    });
  });

  it("leads from what failed to its row", async () => {
    await open("fail", async (page) => {
      await page.getByRole("link", { name: "HashKV at revision 482" }).click();
      expect(page.url()).toMatch(/#check-5$/);
      expect(await page.locator("#check-5").textContent()).toContain("2750219633");
      expect(await page.locator("#check-5").isVisible()).toBe(true);
    });
  });

  it("prints in black on white with the keys unfolded, also from a dark screen", async () => {
    await open("fail", async (page) => {
      await page.emulateMedia({ colorScheme: "dark" });
      const key = page.getByText("/registry/secrets/shop/db-password");
      expect(await key.isVisible()).toBe(false);
      await page.emulateMedia({ colorScheme: "dark", media: "print" });
      expect(await page.evaluate(BACKGROUND)).toBe("rgb(255, 255, 255)");
      expect(await key.isVisible()).toBe(true);
      expect(await page.evaluate(FAINT_TEXTS)).toEqual([]);
    });
  });

  it("prints a pass on two pages of A4", async () => {
    await open("pass", async (page) => {
      const pdf = await page.pdf({ format: "A4" });
      const pages = pdf.toString("latin1").match(/\/Type \/Page\b/g) ?? [];
      expect(pages.length).toBe(2);
    });
  });
});
