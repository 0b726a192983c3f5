/** The colours of a page and of a picture by itself, as CSS variables: one value on a light ground, one on a dark one. */
import { DARK, LIGHT } from "./look.js";

export type Theme = Record<string, string>;

const runs = (colors: string[]): Theme => Object.fromEntries(colors.map((color, i) => [`run${i}`, color]));

export const LIGHT_THEME: Theme = {
  paper: "#ffffff",
  ink: "#1b1f24",
  muted: "#5c6570",
  faint: "#d9dee4",
  band: "#c9cfd6",
  lane: "#eef1f4",
  panel: "#f7f8fa",
  bar: "#0072b21c",
  good: "#00694c",
  bad: "#b84600",
  alarm: "#c62828",
  "alarm-paper": "#fdecea",
  objective0: "#7fb2dc",
  objective1: "#8a2b0c",
  objective2: "#5d9c59",
  objective3: "#3d2c6b",
  ...runs(LIGHT),
};

export const DARK_THEME: Theme = {
  paper: "#14171b",
  ink: "#e6e9ed",
  muted: "#9aa4af",
  faint: "#343b44",
  band: "#4a525c",
  lane: "#20252b",
  panel: "#1b2026",
  bar: "#63b8f226",
  good: "#46d3a5",
  bad: "#ff9a5c",
  alarm: "#ff7b72",
  "alarm-paper": "#3a1d1d",
  objective0: "#3f86bd",
  objective1: "#ffb38a",
  objective2: "#a6dba0",
  objective3: "#b9a7ee",
  ...runs(DARK),
};

/** "--paper:#fff;--ink:…", for a style sheet. */
export const declarations = (theme: Theme): string =>
  Object.entries(theme)
    .map(([name, value]) => `--${name}:${value}`)
    .join(";");

/** Every `var(--name)` by its value; names that the theme does not know stay. */
export const resolveColors = (text: string, theme: Theme): string =>
  text.replace(/var\(--([a-z0-9-]+)\)/g, (whole, name: string) => theme[name] ?? whole);
