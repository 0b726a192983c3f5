/** The page of `outright theory`: as the report of runs, with other things above the figures. */
import { escape } from "../escape.js";
import type { Figure } from "../figures/figure.js";
import { CSS, section } from "../page.js";
import type { Theory } from "./read.js";

const TITLE = "Sequential, Mix, ALRIGHT and MAXRIGHT in two parameters";

export function theoryPage({ seed, instance }: Theory, figures: Figure[]): string {
  const lead =
    `A log-linear softmax model with exact losses and gradients, ${seed === null ? "the built-in example" : `random instance ${seed}`}, ` +
    `lambda ${instance.lambda}. It redraws Figure 2 of “Mitigating Forgetting in LLM Supervised Fine-Tuning and Preference Learning”.`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(TITLE)}</title>
<style>${CSS}
:root{--band:#c9cfd6}
@media (prefers-color-scheme:dark){:root{--band:#4a525c}}</style>
</head>
<body>
<header>
<h1>${escape(TITLE)}</h1>
<p class="lead">${escape(lead)}</p>
</header>
<main>
${figures.map(section).join("\n")}
</main>
<footer>Made by Outright from theory.json. This page loads nothing from elsewhere.</footer>
</body>
</html>
`;
}
