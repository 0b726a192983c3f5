/** The CRC-32 that a zip's central directory states for each of its files (APPNOTE.TXT 4.3.12 and 4.3.16). */

const END = 0x06054b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;

/** @throws Error where there is no central directory */
export function zipChecksums(archive: Buffer): Map<string, number> {
  const end = endOf(archive);
  const checksums = new Map<string, number>();
  let at = archive.readUInt32LE(end + 16);
  for (let entries = archive.readUInt16LE(end + 10); entries > 0; entries--) {
    if (archive.readUInt32LE(at) !== ENTRY) throw new Error("its table of contents is broken");
    const nameBytes = archive.readUInt16LE(at + 28);
    const name = archive.toString("utf8", at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes);
    checksums.set(name, archive.readUInt32LE(at + 16));
    at += ENTRY_BYTES + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return checksums;
}

/** Where the last record begins: at the end, but for a comment. */
function endOf(archive: Buffer): number {
  const earliest = Math.max(0, archive.byteLength - END_BYTES - LONGEST_COMMENT);
  for (let at = archive.byteLength - END_BYTES; at >= earliest; at--) {
    if (archive.readUInt32LE(at) === END) return at;
  }
  throw new Error("it has no end");
}
