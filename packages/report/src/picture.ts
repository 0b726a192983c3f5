/** Charts in a grid: what a figure looks like, on the page and as a file of its own. */
import { escape } from "./escape.js";

export interface PictureCell {
  /** heading above the charts; plain text */
  title?: string;
  /** a warning above the charts; plain text, its first sentence stands out */
  warning?: string;
  /** SVG texts, one under the other */
  charts: string[];
}

export interface Picture {
  columns: 1 | 2 | 3;
  cells: PictureCell[];
}

/** As HTML: the grid has fewer columns where the page is narrow. */
export function pictureHtml({ columns, cells }: Picture): string {
  const html = cells.map(({ title, warning, charts }) => {
    const heading = title === undefined ? "" : `<h3>${escape(title)}</h3>`;
    const [first, rest] = split(warning ?? "");
    const note =
      warning === undefined ? "" : `<p class="warning"><b>▲ ${escape(first)}</b> ${escape(rest)}</p>`;
    return `<div class="cell">${heading}${note}${charts.join("")}</div>`;
  });
  if (columns === 1) return html.join("");
  return `<div class="grid${columns === 3 ? " three" : ""}">${html.join("")}</div>`;
}

const SPACE = 20;
const TITLE = 20;
const LINE = 15;
/** characters of a warning on one line, for each pixel of width */
const PER_PIXEL = 1 / 6;

/**
 * As one SVG, the charts in groups side by side: the elements and colours (CSS variables) are those of the charts.
 * @param title and @param description name it for people who cannot see it
 */
export function pictureSvg({ columns, cells }: Picture, title: string, description: string): string {
  const laid = cells.map((cell) => layCell(cell));
  const across = Math.min(columns, laid.length);
  const width = Math.max(0, ...laid.map((cell) => cell.width));
  const parts: string[] = [];
  let y = 0;
  for (let row = 0; row < laid.length; row += across) {
    const inRow = laid.slice(row, row + across);
    for (const [i, cell] of inRow.entries())
      parts.push(`<g transform="translate(${i * (width + SPACE)},${y})">${cell.svg}</g>`);
    y += Math.max(...inRow.map((cell) => cell.height)) + SPACE;
  }
  const [w, h] = [across * width + (across - 1) * SPACE, Math.max(0, y - SPACE)];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" ` +
    `fill="currentColor" font-family="system-ui, sans-serif" font-size="11" role="img" aria-label="${escape(title)}">` +
    `<title>${escape(title)}</title><desc>${escape(description)}</desc>${parts.join("")}</svg>`
  );
}

/** Charts of equal height beside one another as one, which shrinks as a whole. */
export function sideBySide(label: string, charts: string[]): string {
  const sizes = charts.map(sizeOf);
  const width = sizes.reduce((sum, size) => sum + size.width, 0);
  const height = Math.max(...sizes.map((size) => size.height));
  let x = 0;
  const groups = charts.map((chart, i) => {
    const at = x;
    x += sizes[i]!.width;
    return `<g transform="translate(${at},0)"${inherited(chart)}>${inner(chart)}</g>`;
  });
  return (
    `<svg class="chart" xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `fill="currentColor" font-family="system-ui, sans-serif" font-size="11" role="img" aria-label="${escape(label)}">${groups.join("")}</svg>`
  );
}

function layCell({ title, warning, charts }: PictureCell): { svg: string; width: number; height: number } {
  const sizes = charts.map(sizeOf);
  const width = Math.max(0, ...sizes.map((size) => size.width));
  let y = 0;
  let svg = "";
  if (title !== undefined) {
    svg += `<text y="14" font-size="14" font-weight="600">${escape(title)}</text>`;
    y += TITLE;
  }
  for (const [i, line] of wrap(warning === undefined ? "" : `▲ ${warning}`, width * PER_PIXEL).entries()) {
    svg += `<text y="${y + 11}" fill="var(--alarm)"${i === 0 ? ' font-weight="600"' : ""}>${escape(line)}</text>`;
    y += LINE;
  }
  for (const [i, chart] of charts.entries()) {
    svg += `<g transform="translate(0,${y})"${inherited(chart)}>${inner(chart)}</g>`;
    y += sizes[i]!.height;
  }
  return { svg, width, height: y };
}

/** Pixels, from the attributes of the root element. */
export function sizeOf(svg: string): { width: number; height: number } {
  const root = openingTag(svg);
  const [width, height] = ["width", "height"].map((name) =>
    Number(new RegExp(` ${name}="([\\d.]+)"`).exec(root)?.[1]),
  );
  if (!(width! > 0 && height! > 0)) throw new Error("picture: an SVG without a width and a height");
  return { width: width!, height: height! };
}

const openingTag = (svg: string): string => svg.slice(0, svg.indexOf(">") + 1);
const inner = (svg: string): string => svg.slice(svg.indexOf(">") + 1, svg.lastIndexOf("</svg>"));

/** Attributes of the root that its elements inherit. */
function inherited(svg: string): string {
  const root = openingTag(svg);
  return ["fill", "font-family", "font-size", "text-anchor"]
    .map((name) => new RegExp(` ${name}="[^"]*"`).exec(root)?.[0] ?? "")
    .join("");
}

/** A first sentence, and what follows it. */
function split(text: string): [string, string] {
  const end = text.indexOf(". ");
  return end < 0 ? [text, ""] : [text.slice(0, end + 1), text.slice(end + 2)];
}

function wrap(text: string, limit: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").filter(Boolean)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > limit) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
