/** Proves how texts and figures are written; the printers' own tests prove that they write them so. */
import { describe, expect, it } from "vitest";
import { counted, duration, grouped, moment, size } from "../../../etcd/wire/figures";
import { lines, markup } from "../../../etcd/report/markup";
import { shortened, visible } from "../../../etcd/wire/visible";

describe("a text made visible", () => {
  it.each([
    ["/registry/pods/a b", "/registry/pods/a b"],
    ["日本語 العربية 😀", "日本語 العربية 😀"],
    ["a\nb\r\tc", "a\\nb\\r\\tc"],
    ["\u0000\u001b[31m\u007f\u0085", "\\u{0}\\u{1b}[31m\\u{7f}\\u{85}"],
    ["invoice\u202egpj.exe", "invoice\\u{202e}gpj.exe"],
    ["a\u200bb\ufeff\u2066\u00ad", "a\\u{200b}b\\u{feff}\\u{2066}\\u{ad}"],
    ["\u2028\u2029", "\\u{2028}\\u{2029}"],
    [
      "\ud800 \udc00 \ufffe \u{1ffff} \u{e0041}",
      "\\u{d800} \\u{dc00} \\u{fffe} \\u{1ffff} \\u{e0041}",
    ],
  ])("writes out what cannot be seen: %j", (raw, shown) => {
    expect(visible(raw)).toBe(shown);
  });

  it("is cut with its length beside it, never through a character", () => {
    expect(shortened("abcdef", 6)).toBe("abcdef");
    expect(shortened("a".repeat(1500), 3)).toBe("aaa… (1,500 characters)");
    expect(shortened("ab😀cd", 3)).toBe("ab… (6 characters)");
  });
});

describe("markup", () => {
  it("escapes every text and number for content and attributes, and nothing twice", () => {
    const inner = markup`<b>${"<&\"'>"}</b>`;
    expect(inner.markup).toBe("<b>&lt;&amp;&quot;&#39;&gt;</b>");
    expect(markup`<a x="${'"'}">${inner}${[inner, inner]}${undefined}${7}</a>`.markup).toBe(
      `<a x="&quot;">${inner.markup.repeat(3)}7</a>`,
    );
  });

  it("keeps line ends only between lines", () => {
    expect(lines(["a\nb", "<c>"]).markup).toBe("a\\nb\n&lt;c&gt;");
  });
});

describe("figures", () => {
  it.each([
    [grouped(0), "0"],
    [grouped(999), "999"],
    [grouped(1486880), "1,486,880"],
    [counted(1, "key"), "1 key"],
    [counted(1000, "key"), "1,000 keys"],
    [duration(0), "0.00 s"],
    [duration(9.994), "9.99 s"],
    [duration(9.995), "10.0 s"],
    [duration(59.96), "1 min 00 s"],
    [duration(185.2), "3 min 05 s"],
    [duration(3599.7), "1 h 00 min"],
    [duration(7440), "2 h 04 min"],
    [size(0), "0 bytes"],
    [size(1023), "1023 bytes"],
    [size(286752), "280 KiB"],
    [size(1486880), "1.4 MiB"],
    [moment("2026-08-23T04:12:07.318Z"), "2026-08-23 04:12:07 UTC"],
    [moment("yesterday"), "yesterday"],
  ])("are written as %s", (written, expected) => {
    expect(written).toBe(expected);
  });
});
