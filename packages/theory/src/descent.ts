/**
 * Projected gradient descent that a policy steers: the clear version, one decision and one exact gradient a step.
 *
 * alpha_t = stepScale / sqrt(t), the step size of Theorem 4.1 of Fernando et al., arXiv 2410.15483; t starts anew where the policy
 * asks for a fresh optimizer, as the stages of Sequential do.
 */
import { createPolicy, type Decision, type Policy, type PolicyConfig } from "@outright/policies";
import type { Objective } from "./objective.js";
import { type Point, plus, project } from "./plane.js";
import type { Problem } from "./problem.js";

/** The objectives by the names that policies know them by; each is of the kind that it is called. */
const OBJECTIVES = ["sft", "dpo"] as const;
export type ObjectiveName = (typeof OBJECTIVES)[number];

/** A policy of @outright/policies for the two objectives `sft` and `dpo`. */
export function toyPolicy(
  config: PolicyConfig,
  steps: number,
  uniform: (counter: number) => number = noCoins,
): Policy {
  return createPolicy(config, {
    objectives: OBJECTIVES.map((name) => ({ name, kind: name })),
    steps,
    uniform,
  });
}

function noCoins(): number {
  throw new Error("theory: this policy draws random numbers; give it a generator");
}

export interface Step {
  /** 1-based */
  step: number;
  /** before the update */
  theta: Point;
  decision: Decision;
}

/** @returns theta after `steps` steps from theta_ref. */
export function descend(
  problem: Problem,
  policy: Policy,
  steps: number,
  onStep: (step: Step) => void = () => {},
): Point {
  const { instance, stepScale } = problem;
  let theta = instance.reference;
  let t = 0;
  for (let step = 1; step <= steps; step++) {
    const decision = policy.decide(step, losses(problem, policy.probes(step), theta));
    const trained = Object.keys(decision.weights);
    policy.observe(step, losses(problem, trained, theta));
    onStep({ step, theta, decision });
    t = decision.freshOptimizer === true ? 1 : t + 1;
    let next = theta;
    for (const name of trained) {
      const gradient = objective(problem, name).gradient(theta);
      next = plus(next, gradient, (-stepScale / Math.sqrt(t)) * decision.weights[name]!);
    }
    theta = project(next, instance.radius);
  }
  return theta;
}

function losses(problem: Problem, names: readonly string[], theta: Point): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, objective(problem, name).loss(theta)]));
}

const objective = (problem: Problem, name: string): Objective => problem[name as ObjectiveName];
