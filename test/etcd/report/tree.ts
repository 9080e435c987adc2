/** Reads XML with a real parser that stops at the first fault, for tests to look at the tree instead of the text. */
import { DOMParser, type Element, type Node, onErrorStopParsing } from "@xmldom/xmldom";

export type { Element };

/** The root element. */
export function parseXml(xml: string): Element {
  const tree = new DOMParser({ onError: onErrorStopParsing }).parseFromString(xml, "text/xml");
  if (tree.documentElement === null) throw new Error("no root element");
  return tree.documentElement;
}

/** The elements right inside an element. */
export function children(parent: Element): Element[] {
  const found: Element[] = [];
  // The parser's own lists are live, and slow for it.
  for (let node: Node | null = parent.firstChild; node !== null; node = node.nextSibling) {
    if (isElement(node)) found.push(node);
  }
  return found;
}

/** All elements below an element in the order of the text; of one name, or of every name with `*`. */
export function all(root: Element, name: string): Element[] {
  return children(root).flatMap((child) => [
    ...(name === "*" || child.tagName === name ? [child] : []),
    ...all(child, name),
  ]);
}

/** The text of an element and of everything in it. */
export function textOf(element: Element | undefined): string {
  return element?.textContent ?? "";
}

function isElement(node: Node): node is Element {
  return node.nodeType === 1;
}
