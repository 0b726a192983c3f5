import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, type TensorSource, writeSafetensors } from "@outright/checkpoint";
import { describe, expect, it } from "vitest";
import { errorOf, temporaryDirectory } from "./temporary.js";

const dir = temporaryDirectory();
const file = join(dir, "t.safetensors");

/** A file of any header and data, sound or not. */
function craft(header: unknown, dataBytes = 0, headerBytes?: number): string {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerBytes ?? json.byteLength));
  writeFileSync(file, Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
  return file;
}

/** A file of any text. */
function craftText(text: string): string {
  writeFileSync(file, text);
  return file;
}

/** Writes one tensor from raw bytes. */
function raw(dtype: TensorSource["dtype"], array: ArrayBufferView, count: number): string {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  writeSafetensors(file, [{ name: "t", dtype, shape: [count], data: () => bytes }]);
  return file;
}

function readFloat32(path: string): Float32Array {
  const opened = openSafetensors(path);
  try {
    return opened.readFloat32("t");
  } finally {
    opened.close();
  }
}

describe("round trips", () => {
  it("keeps names, order, shapes, metadata and every bit", () => {
    const f32 = new Float32Array([
      1.5,
      -0,
      1e-45,
      3.4028234663852886e38,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
    const f64 = new Float64Array([1 / 3, -Number.MIN_VALUE]);
    const i32 = new Int32Array([-(2 ** 31), 0, 2 ** 31 - 1]);
    const written = writeSafetensors(
      file,
      [
        { name: "z.weight", dtype: "F32", shape: [2, 3], data: () => f32 },
        { name: "10", dtype: "F32", shape: [], data: () => new Float32Array([7]) },
        { name: "empty", dtype: "F32", shape: [0, 5], data: () => new Float32Array(0) },
        { name: 'quote " and \\ and \u00e9', dtype: "I32", shape: [3], data: () => i32 },
        { name: "bytes", dtype: "U8", shape: [3], data: () => new Uint8Array([1, 2, 255]) },
        { name: "double", dtype: "F64", shape: [2], data: () => f64 },
      ],
      { format: "pt", note: "x" },
    );
    expect(written.bytes).toBe(readFileSync(file).byteLength);
    const opened = openSafetensors(file);
    expect(opened.metadata).toEqual({ format: "pt", note: "x" });
    // Wider elements first, so that each is aligned; else as given.
    expect(opened.names()).toEqual([
      "double",
      "z.weight",
      "10",
      "empty",
      'quote " and \\ and \u00e9',
      "bytes",
    ]);
    expect(opened.info("z.weight").shape).toEqual([2, 3]);
    expect(new Uint32Array(opened.readFloat32("z.weight").buffer)).toEqual(new Uint32Array(f32.buffer));
    expect(opened.readFloat32("10")).toEqual(new Float32Array([7]));
    expect(opened.readFloat32("empty").length).toBe(0);
    expect(opened.readFloat64("double")).toEqual(f64);
    expect(opened.readFloat32("double")).toEqual(Float32Array.from(f64));
    expect(opened.readInt32('quote " and \\ and \u00e9')).toEqual(i32);
    expect(opened.readRaw("bytes")).toEqual(new Uint8Array([1, 2, 255]));
    opened.close();
    opened.close();
    expect(errorOf(() => opened.readRaw("bytes"))).toBe(`${file}: is closed already`);
  });

  it("aligns the data to 8 bytes", () => {
    for (const name of ["a", "ab", "abc", "abcd", "abcde"]) {
      writeSafetensors(file, [{ name, dtype: "F32", shape: [1], data: () => new Float32Array(1) }]);
      expect(Number(readFileSync(file).readBigUInt64LE(0)) % 8).toBe(0);
    }
  });

  it("converts tensors longer than its chunks", () => {
    const values = Float32Array.from({ length: (1 << 20) * 2 + 3 }, (_, i) => i % 256); // exact in bfloat16
    writeSafetensors(file, [
      { name: "double", dtype: "F64", shape: [values.length], data: () => values },
      { name: "half", dtype: "BF16", shape: [values.length], data: () => values },
      { name: "single", dtype: "F32", shape: [values.length], data: () => Float64Array.from(values) },
    ]);
    const opened = openSafetensors(file);
    for (const name of opened.names()) {
      expect(Buffer.from(opened.readFloat32(name).buffer).equals(Buffer.from(values.buffer))).toBe(true);
    }
    opened.close();
  });

  it("is the same file for the same tensors", () => {
    const tensors = [{ name: "t", dtype: "F32" as const, shape: [2], data: () => new Float32Array([1, 2]) }];
    expect(writeSafetensors(file, tensors)).toEqual(
      writeSafetensors(join(dir, "again.safetensors"), tensors),
    );
  });

  it("reads a file with several gigabytes by ranges only", () => {
    const gib = 2 ** 30;
    craft({
      big: { dtype: "U8", shape: [3 * gib], data_offsets: [0, 3 * gib] },
      t: { dtype: "F32", shape: [1], data_offsets: [3 * gib, 3 * gib + 4] },
    });
    const headerEnd = readFileSync(file).byteLength;
    truncateSync(file, headerEnd + 3 * gib + 4); // sparse: takes no space
    expect(readFloat32(file)).toEqual(new Float32Array([0]));
  });
});

describe("conversions", () => {
  it("widens all 65,536 half-precision numbers exactly", () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = readFloat32(raw("F16", bits, 65536));
    for (let i = 0; i < 65536; i++) {
      const sign = i >> 15 ? -1 : 1;
      const exponent = (i >> 10) & 31;
      const mantissa = i & 1023;
      const magnitude = exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
      const special = mantissa === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
      expectSame(values[i] as number, sign * (exponent === 31 ? special : magnitude), i);
    }
  });

  it("widens all 65,536 bfloat16 numbers exactly", () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = readFloat32(raw("BF16", bits, 65536));
    for (let i = 0; i < 65536; i++) expectSame(values[i] as number, bfloat16(i), i);
  });

  it("rounds to bfloat16 to nearest, ties to even: hand-made table", () => {
    const table: [value: number, bits: number][] = [
      [0, 0x0000],
      [-0, 0x8000],
      [1, 0x3f80],
      [1 + 2 ** -8, 0x3f80], // tie, down to even
      [1 + 3 * 2 ** -8, 0x3f82], // tie, up to even
      [1 + 2 ** -8 + 2 ** -23, 0x3f81], // just above the tie
      [1 + 2 ** -8 - 2 ** -23, 0x3f80], // just below
      [-(1 + 3 * 2 ** -8), 0xbf82],
      [2 - 2 ** -8, 0x4000], // tie that carries into the exponent
      [3.3895313892515355e38, 0x7f7f], // largest bfloat16
      [3.4028234663852886e38, 0x7f80], // largest float32: infinity is nearest
      [Number.POSITIVE_INFINITY, 0x7f80],
      [Number.NEGATIVE_INFINITY, 0xff80],
      [2 ** -126, 0x0080], // smallest normal
      [2 ** -133, 0x0001], // smallest subnormal
      [2 ** -134, 0x0000], // tie with 0
      [3 * 2 ** -134, 0x0002], // tie between subnormals
      [2 ** -149, 0x0000], // smallest float32
      [2 ** -126 - 2 ** -134, 0x0080], // a subnormal that rounds up to a normal
    ];
    expect(bfloat16Bits(Float32Array.from(table, ([value]) => value))).toEqual(
      Uint16Array.from(table, ([, bits]) => bits),
    );
  });

  it("keeps NaN a NaN where its payload lies in the dropped half, with its sign", () => {
    const nans = new Float32Array(new Uint32Array([0x7f800001, 0xff800001, 0x7fc00000, 0x7fffffff]).buffer);
    const bits = bfloat16Bits(nans);
    for (const word of bits) expect(Number.isNaN(bfloat16(word))).toBe(true);
    expect([...bits].map((word) => word >>> 15)).toEqual([0, 1, 0, 0]);
  });

  it("rounds to the nearest of both neighbours all over the range", () => {
    const words = Uint32Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0);
    const values = new Float32Array(words.buffer);
    const rounded = bfloat16Bits(values);
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (Math.abs(value) > 3.38e38 || Number.isNaN(value)) continue;
      const below = (words[i] as number) >>> 16; // toward zero
      const [near, far] = [Math.abs(bfloat16(below) - value), Math.abs(bfloat16(below + 1) - value)];
      const expected = near < far || (near === far && below % 2 === 0) ? below : below + 1;
      if (rounded[i] !== expected) throw new Error(`${value}: ${rounded[i]} instead of ${expected}`);
    }
  });

  it("rounds float64 to the nearest float32", () => {
    const table: [double: number, single: number][] = [
      [1 + 2 ** -24, 1], // tie, to even
      [1 + 3 * 2 ** -24, 1 + 2 ** -22],
      [1 + 2 ** -24 + 2 ** -52, 1 + 2 ** -23],
      [2 ** -150, 0], // tie with 0
      [2 ** -150 * 1.0001, 2 ** -149],
      [1e39, Number.POSITIVE_INFINITY],
      [-1e-320, -0],
      [Number.NaN, Number.NaN],
    ];
    const doubles = Float64Array.from(table, ([double]) => double);
    const values = readFloat32(raw("F64", doubles, doubles.length));
    for (const [i, [, single]] of table.entries()) expectSame(values[i] as number, single, i);
    // ... and so does the writer.
    writeSafetensors(file, [{ name: "t", dtype: "F32", shape: [doubles.length], data: () => doubles }]);
    const written = readFloat32(file);
    for (const [i, [, single]] of table.entries()) expectSame(written[i] as number, single, i);
  });

  it("reads integers of all widths, and refuses those beyond 32 bits", () => {
    const read = (path: string) => {
      const opened = openSafetensors(path);
      try {
        return [...opened.readInt32("t")];
      } finally {
        opened.close();
      }
    };
    expect(read(raw("I64", new BigInt64Array([-5n, 2n ** 31n - 1n]), 2))).toEqual([-5, 2 ** 31 - 1]);
    expect(read(raw("I8", new Int8Array([-1, 127]), 2))).toEqual([-1, 127]);
    expect(read(raw("U16", new Uint16Array([65535]), 1))).toEqual([65535]);
    expect(read(raw("BOOL", new Uint8Array([0, 1]), 2))).toEqual([0, 1]);
    expect(errorOf(() => read(raw("I64", new BigInt64Array([2n ** 31n]), 1)))).toContain(
      "2147483648, which does not fit",
    );
    expect(errorOf(() => read(raw("U32", new Uint32Array([2 ** 31]), 1)))).toContain(
      "2147483648, which does not fit",
    );
    expect(errorOf(() => read(raw("F32", new Float32Array(1), 1)))).toContain(
      'tensor "t" is F32, needed is a type of integers',
    );
  });

  it("refuses to make floats of integers and of 8-bit floats", () => {
    expect(errorOf(() => readFloat32(raw("I64", new BigInt64Array(1), 1)))).toBe(
      `${file}: tensor "t" is I64, needed is one of F32, F16, BF16, F64`,
    );
    expect(errorOf(() => readFloat32(raw("F8_E4M3", new Uint8Array(1), 1)))).toContain("is F8_E4M3");
  });
});

describe("damaged files", () => {
  const open = (path: string) => () => openSafetensors(path).close();
  const one = { dtype: "F32", shape: [1], data_offsets: [0, 4] };

  it("are refused, naming file and tensor", () => {
    const cases: [make: () => string, says: string][] = [
      [() => join(dir, "missing.safetensors"), "there is no such file"],
      [() => dir, "is not a file"],
      [() => craftText(""), "it has 0 bytes"],
      [() => craftText("1234567"), "it has 7 bytes"],
      [() => craftText("version https://git-lfs.github.com/spec/v1\n"), "its header claims"],
      [() => craft("{}", 0, 1e15), "its header claims 1000000000000000 bytes in a file of 10"],
      [() => craft("{}", 0, 3), "its header claims 3 bytes in a file of 10"],
      [() => craft("", 0), "its header does not begin with {"],
      [() => craft("[1]"), "its header does not begin with {"],
      [() => craft('{"a":\n\n oops'), "the safetensors header: is not JSON"],
      [() => craft({ t: 1 }), `the header's entry of tensor "t" is not an object`],
      [() => craft({ t: { ...one, dtype: "F31" } }, 4), 'tensor "t" has the unknown dtype "F31"; known are'],
      [() => craft({ t: { ...one, dtype: "toString" } }, 4), 'tensor "t" has the unknown dtype "toString"'],
      [() => craft({ t: { ...one, shape: [-1] } }, 4), 'tensor "t" has the impossible shape [-1]'],
      [() => craft({ t: { ...one, shape: [1.5] } }, 4), 'tensor "t" has the impossible shape [1.5]'],
      [() => craft({ t: { ...one, shape: "1" } }, 4), 'tensor "t" has the impossible shape "1"'],
      [
        () => craft({ t: { ...one, shape: [2] } }, 4),
        'tensor "t" of F32 [2] takes 8 bytes, its data_offsets [0, 4] give 4',
      ],
      [() => craft({ t: { ...one, shape: [2 ** 40, 2 ** 40] } }, 4), 'tensor "t" of F32'],
      [() => craft({ t: { ...one, data_offsets: [4, 0] } }, 4), 'tensor "t" of F32 [1] takes 4 bytes'],
      [
        () => craft({ t: { ...one, data_offsets: [0] } }, 4),
        'tensor "t" has the impossible data_offsets [0]',
      ],
      [() => craft({ t: { dtype: "F32", shape: [1] } }, 4), 'tensor "t" has no data_offsets'],
      [
        () => craft({ t: one }, 3),
        'tensor "t" ends at byte 4 of the data, but there are only 3 (truncated?)',
      ],
      [
        () => craft({ t: { ...one, data_offsets: [4, 8] } }, 8),
        'there is a gap of 4 bytes before tensor "t"',
      ],
      [
        () => craft({ s: one, t: { ...one, data_offsets: [2, 6] } }, 6),
        'tensor "t" overlaps the one before it',
      ],
      [() => craft({ t: one }, 9), "5 bytes follow the last tensor"],
      [() => craft({ __metadata__: { a: 1 }, t: one }, 4), "its __metadata__ is not an object of strings"],
    ];
    for (const [make, says] of cases) {
      const path = make();
      const message = errorOf(open(path));
      expect(message.startsWith(`${path}: `)).toBe(true);
      expect(message).toContain(says);
    }
  });

  it("are refused at whatever byte they are cut, and never give numbers", () => {
    writeSafetensors(file, [
      { name: "t", dtype: "F32", shape: [3], data: () => new Float32Array([1, 2, 3]) },
    ]);
    const whole = readFileSync(file);
    for (let bytes = 0; bytes < whole.byteLength; bytes++) {
      writeFileSync(file, whole.subarray(0, bytes));
      expect(errorOf(open(file))).toContain(file);
    }
  });

  it("that shrink while open are noticed", () => {
    writeSafetensors(file, [{ name: "t", dtype: "F32", shape: [3], data: () => new Float32Array(3) }]);
    const opened = openSafetensors(file);
    truncateSync(file, readFileSync(file).byteLength - 4);
    expect(errorOf(() => opened.readFloat32("t"))).toContain("while it is being read");
    opened.close();
  });

  it("a tensor that is not there is named", () => {
    const opened = openSafetensors(craft({ t: one }, 4));
    expect(errorOf(() => opened.readFloat32("u"))).toBe(`${file}: there is no tensor "u" in it`);
    opened.close();
  });
});

describe("what the writer refuses", () => {
  const tensor: TensorSource = { name: "t", dtype: "F32", shape: [2], data: () => new Float32Array(2) };

  it("leaves the file as it was", () => {
    writeFileSync(file, "before");
    const cases: [TensorSource[], string][] = [
      [[tensor, tensor], 'tensor "t" is given twice'],
      [[{ ...tensor, name: "__metadata__" }], "no tensor may be called __metadata__"],
      [[{ ...tensor, shape: [3] }], 'tensor "t" of F32 [3] needs 3 elements, 2 are given'],
      [[{ ...tensor, data: () => new Uint8Array(2) }], 'tensor "t" of F32 [2] needs 8 bytes, 2 are given'],
      [[{ ...tensor, shape: [-2] }], 'tensor "t" has the impossible shape [-2]'],
      [[{ ...tensor, dtype: "F16" }], 'tensor "t": Float32Array cannot be written as F16'],
    ];
    for (const [tensors, says] of cases) {
      expect(errorOf(() => writeSafetensors(file, tensors))).toBe(
        `${file}: ${says}${says.endsWith("F16") ? "; give the file's bytes as a Uint8Array" : ""}`,
      );
    }
    expect(readFileSync(file, "utf8")).toBe("before");
  });

  it("passes on what goes wrong while data are made", () => {
    const data = () => {
      throw new Error("no such parameter");
    };
    expect(errorOf(() => writeSafetensors(file, [{ ...tensor, data }]))).toBe("no such parameter");
  });
});

function bfloat16(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 7) & 255;
  const mantissa = bits & 127;
  if (exponent === 255) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? mantissa * 2 ** -133 : (1 + mantissa / 128) * 2 ** (exponent - 127));
}

function bfloat16Bits(values: Float32Array): Uint16Array {
  writeSafetensors(file, [{ name: "t", dtype: "BF16", shape: [values.length], data: () => values }]);
  const opened = openSafetensors(file);
  const bytes = opened.readRaw("t");
  opened.close();
  return new Uint16Array(bytes.buffer);
}

/** As Object.is; quicker over many than `expect`. */
function expectSame(actual: number, expected: number, index: number): void {
  if (!Object.is(actual, expected)) throw new Error(`element ${index}: ${actual} instead of ${expected}`);
}
