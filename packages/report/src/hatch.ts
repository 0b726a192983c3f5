/**
 * Patterns for bars, so that methods can be told in greyscale: lines in the ground's colour over the method's own.
 * A pattern's id says what it is, so that whoever meets `url(#hatch-…)` can define it.
 */

export const HATCHES = ["solid", "rising", "falling", "dots", "across", "upright", "grid", "hollow"] as const;
export type Hatch = (typeof HATCHES)[number];

/**
 * What to give an SVG `fill`.
 * @param variable name of the colour's CSS variable, e.g. "run0"
 */
export const hatchFill = (hatch: Hatch, variable: string): string =>
  hatch === "solid" ? `var(--${variable})` : `url(#hatch-${hatch}-${variable})`;

const SIZE = 6;

/** What is drawn over the ground of one tile of SIZE × SIZE pixels, in the colour of the paper. */
const TILES: Record<Exclude<Hatch, "solid">, string> = {
  rising: line("M-1,1l2,-2M0,6l6,-6M5,7l2,-2"),
  falling: line("M-1,5l2,2M0,0l6,6M5,-1l2,2"),
  dots: '<circle cx="3" cy="3" r="1.7" fill="var(--paper)"/>',
  across: line("M0,3h6"),
  upright: line("M3,0v6"),
  grid: line("M0,3h6M3,0v6"),
  hollow: `<rect width="${SIZE}" height="${SIZE}" fill="var(--paper)" fill-opacity="0.82"/>`,
};

function line(d: string): string {
  return `<path d="${d}" stroke="var(--paper)" stroke-width="1.8"/>`;
}

/** `<pattern>`s of all that an SVG or a page refers to; empty where it refers to none. */
export function hatchDefinitions(svg: string): string {
  const ids = new Set([...svg.matchAll(/url\(#(hatch-([a-z]+)-([a-z0-9]+))\)/g)].map((m) => m[0]));
  return [...ids]
    .sort()
    .map((id) => {
      const [, hatch, variable] = /#hatch-([a-z]+)-([a-z0-9]+)/.exec(id)!;
      return (
        `<pattern id="hatch-${hatch}-${variable}" width="${SIZE}" height="${SIZE}" patternUnits="userSpaceOnUse">` +
        `<rect width="${SIZE}" height="${SIZE}" fill="var(--${variable})"/>${TILES[hatch as keyof typeof TILES]}</pattern>`
      );
    })
    .join("");
}
