/** Numbers behind a figure as a CSV download that lives inside the page. */

export type Cell = string | number | undefined;

/** RFC 4180 with \n line ends; NaN and undefined are empty. */
export function toCsv(header: string[], rows: Cell[][]): string {
  return `${[header, ...rows].map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

function cell(value: Cell): string {
  if (value === undefined || (typeof value === "number" && Number.isNaN(value))) return "";
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A `data:` address. Only what would break an address or an attribute is escaped, which keeps pages small. */
export function csvHref(csv: string): string {
  return (
    "data:text/csv;charset=utf-8," +
    csv.replace(/[^\w.,;:/()=+* -]/gu, encodeURIComponent).replaceAll(" ", "%20")
  );
}
