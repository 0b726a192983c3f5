/** Text broken at spaces to lines of at most `width` characters, those after the first indented. */
export function wrap(text: string, width: number, first: string, indent: string): string {
  const lines: string[] = [];
  let line = first;
  let isBegun = false;
  for (const word of text.split(" ")) {
    if (isBegun && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
      isBegun = false;
    }
    line += isBegun ? ` ${word}` : word;
    isBegun = true;
  }
  return [...lines, line].join("\n");
}
