/** Accuracies and their standard errors as lm-evaluation-harness computes them (lm_eval/api/metrics.py). */
import { standardDeviation } from "../winrate/intervals.js";
import { GROUPS, type Group, groupOf } from "./subjects.js";

export interface Accuracy {
  rows: number;
  correct: number;
  accuracy: number;
  /** null where a subject has a single row, as the harness's "N/A" */
  standardError: number | null;
}

export interface MmluResult {
  overall: Accuracy;
  /** those of which there are rows */
  groups: Partial<Record<Group, Accuracy>>;
  subjects: Record<string, Accuracy>;
}

/** @param isCorrect subject → one value a row; no subject without rows */
export function summarise(isCorrect: ReadonlyMap<string, readonly boolean[]>): MmluResult {
  const subjects = new Map([...isCorrect].map(([subject, rows]) => [subject, accuracyOf(rows)]));
  const groups = GROUPS.flatMap((group) => {
    const members = [...subjects].filter(([subject]) => groupOf(subject) === group);
    return members.length === 0 ? [] : [[group, pooled(members.map(([, accuracy]) => accuracy))] as const];
  });
  return {
    overall: pooled([...subjects.values()]),
    groups: Object.fromEntries(groups),
    subjects: Object.fromEntries(subjects),
  };
}

/** Of a subject: the standard error of a mean, sample standard deviation / √n. */
export function accuracyOf(isCorrect: readonly boolean[]): Accuracy {
  const values = isCorrect.map(Number);
  const correct = values.reduce((sum, value) => sum + value, 0);
  const rows = values.length;
  const standardError = rows < 2 ? null : standardDeviation(values) / Math.sqrt(rows);
  return { rows, correct, accuracy: correct / rows, standardError };
}

/**
 * Of subjects together: the mean weighted by their rows, and the harness's `pooled_sample_stderr`,
 * √(Σ (nᵢ − 1) · nᵢ seᵢ² / (Σnᵢ − k) / Σnᵢ) over k subjects.
 */
export function pooled(parts: readonly Accuracy[]): Accuracy {
  const sum = (of: (part: Accuracy) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const rows = sum((part) => part.rows);
  const correct = sum((part) => part.correct);
  const isKnown = parts.every(({ standardError }) => standardError !== null);
  const variance =
    sum(({ rows: n, standardError: se }) => (n - 1) * (se ?? Number.NaN) ** 2 * n) / (rows - parts.length);
  return {
    rows,
    correct,
    accuracy: correct / rows,
    standardError: isKnown ? Math.sqrt(variance / rows) : null,
  };
}
