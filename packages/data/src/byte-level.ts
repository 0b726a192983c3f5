/**
 * GPT-2's spelling of bytes: printable Latin-1 bytes stand for themselves, the other 68 for the characters from U+0100 on,
 * so that every byte string is a string without white space (openai/gpt-2, `bytes_to_unicode`).
 */
const CHARACTERS: string[] = [];
const BYTES = new Map<string, number>();

for (let byte = 0, next = 256; byte < 256; byte++) {
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const character = String.fromCharCode(printable ? byte : next++);
  CHARACTERS.push(character);
  BYTES.set(character, byte);
}

/** The character that stands for a byte. */
export function byteCharacter(byte: number): string {
  return CHARACTERS[byte] as string;
}

/** The byte-level spelling of a text's UTF-8 bytes. */
export function spellBytes(text: string): string {
  let spelled = "";
  for (const byte of Buffer.from(text, "utf8")) spelled += CHARACTERS[byte];
  return spelled;
}

/** The bytes that a byte-level token stands for, or null where it is spelled otherwise. */
export function bytesOfSpelling(token: string): Buffer | null {
  const bytes = Buffer.alloc(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTES.get(token[i] as string);
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}
