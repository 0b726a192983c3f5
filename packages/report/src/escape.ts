/** Characters that XML does not allow, not even escaped. */
export const CONTROLS = /[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** Text as HTML content or as an attribute's value in double quotes. */
export function escape(text: string): string {
  return text
    .replace(CONTROLS, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
