/**
 * Both losses in one shape that is quick to descend, without an allocation: a sum of log-sum-exps of affine functions,
 *
 *     f(theta) = offset + linear . theta + sum_g weight_g log(1 + sum_{j in g} exp(a_j . theta + b_j)).
 *
 * SFT has a group for each prompt, with exponents relative to its first answer; DPO has one for each pair, a pair and its
 * reverse merged by softplus(z) = z + softplus(-z). `sft.ts` and `dpo.ts` are the clear versions that this is held against.
 */
import { difference, type Instance } from "./instance.js";
import { dot, minus, norm } from "./plane.js";

export interface Flat {
  offset: number;
  linearX: number;
  linearY: number;
  /** per group */
  weights: Float64Array;
  /** per group: where its members end */
  ends: Int32Array;
  /** per member: a_j and b_j */
  aX: Float64Array;
  aY: Float64Array;
  b: Float64Array;
}

interface Group {
  weight: number;
  members: { a: readonly [number, number]; b: number }[];
}

export function flatSft({ features, labels, radius }: Instance): Flat {
  let [linearX, linearY] = [0, 0];
  const groups = features.map((answers, x): Group => {
    const base = answers[0]!;
    for (const [y, phi] of answers.entries()) {
      linearX -= labels[x]![y]! * (phi[0] - base[0]);
      linearY -= labels[x]![y]! * (phi[1] - base[1]);
    }
    const weight = labels[x]!.reduce((sum, share) => sum + share, 0);
    return { weight, members: answers.slice(1).map((phi) => ({ a: minus(phi, base), b: 0 })) };
  });
  return flatten(groups, 0, linearX, linearY, radius);
}

export function flatDpo(instance: Instance): Flat {
  const { beta, reference, pairs, radius } = instance;
  const groups = new Map<string, Group>();
  let [offset, linearX, linearY] = [0, 0, 0];
  for (const pair of pairs) {
    const isReverse = pair.chosen > pair.rejected;
    const [low, high] = isReverse ? [pair.rejected, pair.chosen] : [pair.chosen, pair.rejected];
    const d = difference(instance, { ...pair, chosen: low, rejected: high });
    const key = `${pair.prompt} ${low} ${high}`;
    // softplus(-m) with the margin m = beta (theta - theta_ref) . d
    const group = groups.get(key) ?? {
      weight: 0,
      members: [{ a: [-beta * d[0], -beta * d[1]] as const, b: beta * dot(reference, d) }],
    };
    group.weight += pair.weight;
    groups.set(key, group);
    if (isReverse) {
      linearX += pair.weight * beta * d[0];
      linearY += pair.weight * beta * d[1];
      offset -= pair.weight * beta * dot(reference, d);
    }
  }
  return flatten([...groups.values()], offset, linearX, linearY, radius);
}

/** Exponents that stay below this overflow in no sum. */
const LARGEST_EXPONENT = 600;

function flatten(groups: Group[], offset: number, linearX: number, linearY: number, radius: number): Flat {
  const members = groups.flatMap((group) => group.members);
  if (members.some(({ a, b }) => norm(a) * radius + Math.abs(b) > LARGEST_EXPONENT)) {
    throw new Error(`theory: radius ${radius} is too large for these features: exponents would overflow`);
  }
  let end = 0;
  return {
    offset,
    linearX,
    linearY,
    weights: Float64Array.from(groups, (group) => group.weight),
    ends: Int32Array.from(groups, (group) => {
      end += group.members.length;
      return end;
    }),
    aX: Float64Array.from(members, ({ a }) => a[0]),
    aY: Float64Array.from(members, ({ a }) => a[1]),
    b: Float64Array.from(members, ({ b }) => b),
  };
}

export function flatLoss(f: Flat, x: number, y: number): number {
  const { weights, ends, aX, aY, b } = f;
  let loss = f.offset + f.linearX * x + f.linearY * y;
  let j = 0;
  for (let g = 0; g < weights.length; g++) {
    let sum = 0;
    for (const end = ends[g]!; j < end; j++) sum += Math.exp(aX[j]! * x + aY[j]! * y + b[j]!);
    loss += weights[g]! * Math.log1p(sum);
  }
  return loss;
}

/**
 * theta <- the projection of theta - alpha grad f(theta) onto the ball, in place.
 * @returns false where the step was lost in rounding: then so is any shorter one from here.
 */
export function flatStep(f: Flat, theta: Float64Array, alpha: number, radius: number): boolean {
  const { weights, ends, aX, aY, b } = f;
  const x = theta[0]!;
  const y = theta[1]!;
  let gradientX = f.linearX;
  let gradientY = f.linearY;
  let j = 0;
  for (let g = 0; g < weights.length; g++) {
    let sum = 1;
    let sumX = 0;
    let sumY = 0;
    for (const end = ends[g]!; j < end; j++) {
      const power = Math.exp(aX[j]! * x + aY[j]! * y + b[j]!);
      sum += power;
      sumX += power * aX[j]!;
      sumY += power * aY[j]!;
    }
    const share = weights[g]! / sum;
    gradientX += share * sumX;
    gradientY += share * sumY;
  }
  const nextX = x - alpha * gradientX;
  const nextY = y - alpha * gradientY;
  const squared = nextX * nextX + nextY * nextY;
  const scale = squared <= radius * radius ? 1 : radius / Math.sqrt(squared);
  theta[0] = nextX * scale;
  theta[1] = nextY * scale;
  return nextX !== x || nextY !== y;
}
