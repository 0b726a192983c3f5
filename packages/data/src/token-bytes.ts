import { bytesOfSpelling } from "./byte-level.js";

const SPACE = 0x20;

/** A token as the vocabulary spells it; `added` ones stand in the text as they are. */
export interface SpelledToken {
  token: string;
  added: boolean;
}

/**
 * Where in the UTF-8 bytes of a text each of its tokens ends, told from the tokens' own spelling: byte-level (GPT-2) or
 * SentencePiece (`▁` for a space, `<0xNN>` for a byte). The tokens are laid along the text and must cover it exactly, so
 * offsets are right or null. A space that SentencePiece models put before a section has no bytes in the text.
 *
 * @returns [tokens.length], never decreasing; null where the tokens do not spell the text
 */
export function byteEnds(text: string, tokens: readonly SpelledToken[]): Int32Array | null {
  const bytes = Buffer.from(text, "utf8");
  return layOut(bytes, tokens, bytesOfSpelling) ?? layOut(bytes, tokens, bytesOfPiece);
}

/** The bytes of a SentencePiece token. */
function bytesOfPiece(token: string): Buffer {
  const byte = /^<0x([0-9A-F]{2})>$/.exec(token);
  if (byte !== null) return Buffer.from(byte[1] as string, "hex");
  return Buffer.from(token.replaceAll("▁", " "), "utf8");
}

function layOut(
  text: Buffer,
  tokens: readonly SpelledToken[],
  bytesOf: (token: string) => Buffer | null,
): Int32Array | null {
  const ends = new Int32Array(tokens.length);
  let at = 0;
  for (let from = 0; from < tokens.length; ) {
    // A section is one added token, or all tokens up to the next added one.
    let to = from + 1;
    const added = (tokens[from] as SpelledToken).added;
    if (!added) while (to < tokens.length && !(tokens[to] as SpelledToken).added) to++;
    const parts: Buffer[] = [];
    for (let i = from; i < to; i++) {
      const { token } = tokens[i] as SpelledToken;
      const part = added ? Buffer.from(token, "utf8") : bytesOf(token);
      if (part === null) return null;
      parts.push(part);
    }
    const section = Buffer.concat(parts);
    let end = at;
    if (!startsAt(text, section, at)) {
      if (added || section[0] !== SPACE || !startsAt(text, section.subarray(1), at)) return null;
      end -= 1;
    }
    for (let i = from; i < to; i++) {
      end += (parts[i - from] as Buffer).length;
      ends[i] = end;
    }
    at = end;
    from = to;
  }
  return at === text.length ? ends : null;
}

function startsAt(text: Buffer, part: Buffer, at: number): boolean {
  return at + part.length <= text.length && text.compare(part, 0, part.length, at, at + part.length) === 0;
}
