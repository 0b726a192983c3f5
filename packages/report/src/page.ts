/** The page around the figures: one file, nothing loaded from elsewhere, light and dark. */
import { csvHref, toCsv } from "./csv.js";
import { escape } from "./escape.js";
import type { Figure } from "./figures/figure.js";
import { hatchDefinitions } from "./hatch.js";
import type { Look } from "./look.js";
import { pictureHtml } from "./picture.js";
import { swatch } from "./swatch.js";
import { DARK_THEME, declarations, LIGHT_THEME } from "./theme.js";

export interface PageInput {
  title: string;
  /** lines under the title; plain text */
  lead: string[];
  /** entries of the key, see `keyEntry`; none where everything is named where it is drawn */
  key: string[];
  keyLabel: string;
  warnings: string[];
  figures: Figure[];
  footer: string;
}

export function page({ title, lead, key, keyLabel, warnings, figures, footer }: PageInput): string {
  const main = figures.map(section).join("\n");
  const hatches = hatchDefinitions(main);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>${CSS}</style>
</head>
<body>
<header>
<h1>${escape(title)}</h1>
${lead.map((line) => `<p class="lead">${escape(line)}</p>`).join("")}
${key.length === 0 ? "" : `<ul class="key" aria-label="${escape(keyLabel)}">${key.join("")}</ul>`}
${warnings.length > 0 ? `<div class="warning" role="note"><b>▲ ${warnings.length === 1 ? "One thing" : `${warnings.length} things`} to look at</b><ul>${warnings.map((w) => `<li>${escape(w)}</li>`).join("")}</ul></div>` : ""}
</header>
<main>
${hatches === "" ? "" : `<svg class="hatches" width="0" height="0" aria-hidden="true"><defs>${hatches}</defs></svg>`}
${main}
</main>
<footer>${escape(footer)} This page loads nothing from elsewhere.</footer>
<script>${SORT}</script>
</body>
</html>
`;
}

/** An entry of the key: how something is drawn, its name, and a few words. */
export function keyEntry(name: string, about: string, look: Look): string {
  return `<li>${swatch(look)}<span><b>${escape(name)}</b>${about ? `<small>${escape(about)}</small>` : ""}</span></li>`;
}

function section(figure: Figure): string {
  const csv =
    figure.csv.rows.length === 0
      ? ""
      : `<a class="csv" download="${figure.id}.csv" href="${csvHref(toCsv(figure.csv.header, figure.csv.rows))}">CSV</a>`;
  const content =
    figure.missing !== undefined
      ? `<p class="missing">${escape(figure.missing)}</p>`
      : figure.picture === undefined
        ? (figure.html ?? "")
        : pictureHtml(figure.picture) + (figure.html ?? "");
  // How to read a picture is of no use where there is none.
  const caption = figure.missing === undefined ? `<figcaption>${escape(figure.caption)}</figcaption>` : "";
  return `<section id="${figure.id}"><h2>${escape(figure.title)}${csv}</h2><figure>${content}${caption}</figure></section>`;
}

const CSS = `
:root{${declarations(LIGHT_THEME)}}
@media (prefers-color-scheme:dark){:root{${declarations(DARK_THEME)}}}
*{box-sizing:border-box}
body{margin:0 auto;padding:28px 24px 40px;max-width:1120px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}
h2{font-size:19px;margin:44px 0 10px;border-top:1px solid var(--faint);padding-top:18px;display:flex;justify-content:space-between;align-items:baseline}
h3{font-size:14px;margin:0 0 4px}
h4{font-size:13px;margin:12px 0 4px;color:var(--muted)}
.lead{margin:0 0 6px;color:var(--muted)}
.hatches{position:absolute}
.answer p{margin:0 0 8px;font-size:17px;max-width:75ch}
.words{text-align:left;white-space:normal}
.narrow{width:auto}
td small{font-size:11.5px}
#answer td,#answer th,#numbers td,#numbers th{padding:5px 6px}
#answer td,#numbers td{vertical-align:top}
#answer th[scope=row],#numbers th[scope=row]{vertical-align:top}
tfoot th,tfoot td{border-top:2px solid var(--ink);font-weight:600}
figure{margin:0}
figcaption{color:var(--muted);font-size:13.5px;max-width:80ch;margin-top:8px}
.chart{--plot-background:var(--paper);display:block;max-width:100%;height:auto;overflow:visible;}
.chart text{white-space:pre}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:18px 24px}
.grid.three{grid-template-columns:repeat(auto-fit,minmax(min(100%,290px),1fr))}
.key{list-style:none;margin:14px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:8px 26px}
.key li{display:flex;gap:8px;align-items:center}
small{display:block;color:var(--muted);font-weight:400;font-size:12.5px;line-height:1.3}
.warning{border-left:4px solid var(--alarm);background:var(--alarm-paper);padding:8px 14px;margin:14px 0;border-radius:3px;font-size:14px}
.warning b{color:var(--alarm)}
.warning ul{margin:4px 0 0;padding-left:20px}
.cell{min-width:0}
.missing{color:var(--muted);font-style:italic;background:var(--panel);padding:14px 16px;border-radius:4px;margin:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:6px 9px;text-align:right;border-bottom:1px solid var(--faint);vertical-align:middle;white-space:nowrap}
thead th{vertical-align:bottom;white-space:normal;border-bottom:2px solid var(--ink)}
th:first-child{text-align:left;white-space:normal;min-width:130px}
th button{all:unset;cursor:pointer;font-weight:600;line-height:1.25}
th button:focus-visible{outline:2px solid var(--run0)}
td[style]{background:linear-gradient(to right,var(--bar) var(--share),transparent var(--share)) no-repeat 0 50%/100% 72%}
.notes{color:var(--muted);font-size:13px;padding-left:18px;margin:8px 0 0}
.csv{font-size:12.5px;font-weight:400;color:var(--muted);text-decoration:none;border:1px solid var(--faint);border-radius:4px;padding:1px 8px}
.csv::before{content:"↓ "}
details{border:1px solid var(--faint);border-radius:4px;margin:6px 0;padding:0 12px}
summary{cursor:pointer;padding:7px 0;font-weight:600}
details[open]{padding-bottom:12px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:4px 0;font-size:13.5px}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--panel);padding:10px 12px;border-radius:4px;overflow-x:auto;font-size:12.5px;line-height:1.45;margin:0}
footer{margin-top:48px;color:var(--muted);font-size:13px;border-top:1px solid var(--faint);padding-top:12px}
@media print{.csv{display:none}details{break-inside:avoid}section{break-inside:avoid}}
`.trim();

/** Sorts a table by the heading clicked; a second click turns the order round. Without it the table just stays. */
const SORT = `
for(const table of document.querySelectorAll("table"))table.tHead.addEventListener("click",(event)=>{
const th=event.target.closest("th");if(!th)return;
const column=th.cellIndex,down=th.ariaSort==="ascending",body=table.tBodies[0];
for(const other of table.tHead.rows[0].cells)other.ariaSort=null;
th.ariaSort=down?"descending":"ascending";
const key=(row)=>row.cells[column].dataset.sort??row.cells[column].textContent;
const rows=[...body.rows].sort((a,b)=>{const [x,y]=[key(a),key(b)];if(x===""||y==="")return (x==="")-(y==="");
const d=isNaN(x)||isNaN(y)?x.localeCompare(y):x-y;return down?-d:d});
body.append(...rows)});
`.trim();
