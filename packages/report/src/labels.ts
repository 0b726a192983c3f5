/** Places names beside the ends of curves so that none covers another. Pixels throughout. */

export interface Anchor {
  x: number;
  y: number;
  text: string;
}

export interface Placed {
  /** offsets of the text's anchor point from the curve's end */
  dx: number;
  dy: number;
  align: "start" | "end";
}

export interface Bounds {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Mean advance of the page's sans-serif at 11 px, on the wide side. */
const CHARACTER = 6.7;
const LINE = 14;
const AWAY = 9;

/**
 * Greedy: each name takes the place right or left of its point, a little higher or lower, that covers least of the
 * curves and is nearest.
 * @param keepFree points that no name may cover: ideal point, starts
 * @param curves points along the curves; covering them is allowed but avoided
 * @param blocked where other words stand already
 */
export function placeLabels(
  anchors: Anchor[],
  bounds: Bounds,
  keepFree: { x: number; y: number }[] = [],
  curves: { x: number; y: number }[] = [],
  blocked: Bounds[] = [],
): Placed[] {
  const taken = [...blocked];
  const points = [...anchors, ...keepFree];
  return anchors.map((anchor) => {
    const width = anchor.text.length * CHARACTER;
    let best: { cost: number; box: Bounds; place: Placed } | undefined;
    for (let shift = 0; shift <= 240; shift += 4) {
      for (const dy of shift === 0 ? [0] : [-shift, shift]) {
        for (const align of ["start", "end"] as const) {
          const dx = align === "start" ? AWAY : -AWAY;
          const left = align === "start" ? anchor.x + dx : anchor.x + dx - width;
          const box = {
            left,
            right: left + width,
            top: anchor.y + dy - LINE / 2,
            bottom: anchor.y + dy + LINE / 2,
          };
          if (
            box.left < bounds.left ||
            box.right > bounds.right ||
            box.top < bounds.top ||
            box.bottom > bounds.bottom
          )
            continue;
          if (taken.some((other) => overlap(box, other)) || points.some((p) => inside(p, box, 5))) continue;
          const cost = shift + 4 * curves.filter((p) => inside(p, box, 1)).length;
          if (best === undefined || cost < best.cost) best = { cost, box, place: { dx, dy, align } };
        }
      }
    }
    if (best === undefined) return { dx: AWAY, dy: 0, align: "start" };
    taken.push(best.box);
    return best.place;
  });
}

/** The box that a name takes at its place. */
export function labelBox(anchor: Anchor, { dx, dy, align }: Placed): Bounds {
  const width = anchor.text.length * CHARACTER;
  return textBox(anchor.text, align === "start" ? anchor.x + dx : anchor.x + dx - width, anchor.y + dy);
}

/** Nearer than this, one note serves two points that say the same. */
const NEAR = 55;

/**
 * Short notes close to their points, each where it covers nothing; where no place is free, or the same is said close by, none.
 * @param keepFree points that no note may cover
 */
export function placeNotes(
  anchors: Anchor[],
  bounds: Bounds,
  keepFree: { x: number; y: number }[],
  blocked: Bounds[],
): (Placed | undefined)[] {
  const taken = [...blocked];
  const places: Placed[] = [9, 15].flatMap((far) =>
    [
      [1, -1],
      [1, 1],
      [-1, -1],
      [-1, 1],
      [0.1, -1.3],
      [0.1, 1.3],
      [1.1, 0],
      [-1.1, 0],
    ].map(([x, y]) => ({
      dx: x! * far,
      dy: y! * far,
      align: x! < 0 ? ("end" as const) : ("start" as const),
    })),
  );
  const told: Anchor[] = [];
  return anchors.map((anchor) => {
    if (told.some((o) => o.text === anchor.text && Math.hypot(o.x - anchor.x, o.y - anchor.y) < NEAR))
      return undefined;
    const place = places.find((p) => {
      const box = labelBox(anchor, p);
      const isWithin =
        box.left >= bounds.left &&
        box.right <= bounds.right &&
        box.top >= bounds.top &&
        box.bottom <= bounds.bottom;
      return isWithin && !taken.some((o) => overlap(box, o)) && !keepFree.some((q) => inside(q, box, 2));
    });
    if (place !== undefined) {
      taken.push(labelBox(anchor, place));
      told.push(anchor);
    }
    return place;
  });
}

/** The box that a text of one line takes, from its left end and its middle height. */
export function textBox(text: string, left: number, middle: number): Bounds {
  return { left, right: left + text.length * CHARACTER, top: middle - LINE / 2, bottom: middle + LINE / 2 };
}

/** The first of the boxes that covers no point, else the one that covers fewest. */
export function freest(boxes: Bounds[], points: { x: number; y: number }[]): Bounds {
  let best: { box: Bounds; covered: number } | undefined;
  for (const box of boxes) {
    const covered = points.filter((p) => inside(p, box, 4)).length;
    if (best === undefined || covered < best.covered) best = { box, covered };
  }
  if (best === undefined) throw new RangeError("freest: no boxes");
  return best.box;
}

/** Moves heights apart to at least `gap`, keeping order and staying within [top, bottom] where they fit. */
export function spread(heights: number[], gap: number, top: number, bottom: number): number[] {
  const order = heights.map((_, i) => i).sort((a, b) => heights[a]! - heights[b]! || a - b);
  const out = [...heights];
  let floor = top;
  for (const i of order) {
    out[i] = Math.max(out[i]!, floor);
    floor = out[i]! + gap;
  }
  let ceiling = bottom;
  for (const i of order.reverse()) {
    out[i] = Math.min(out[i]!, ceiling);
    ceiling = out[i]! - gap;
  }
  return out;
}

const overlap = (a: Bounds, b: Bounds): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const inside = (p: { x: number; y: number }, box: Bounds, margin: number): boolean =>
  p.x > box.left - margin &&
  p.x < box.right + margin &&
  p.y > box.top - margin / 2 &&
  p.y < box.bottom + margin / 2;
