// QR codes (ISO/IEC 18004): byte mode, error correction level L, versions 1 to 13.
// SPDX-License-Identifier: Apache-2.0

import { svg } from "./dom.js";

// Level L, by version from 1: codewords of error correction per block, and blocks.
const CORRECTION = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26];
const BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4];
const LEVEL = 1; // L in the format information
const QUIET = 4; // modules around the code
const MASKS = [
  (x, y) => (x + y) % 2,
  (_, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

const sizeOf = (version) => 17 + 4 * version;
const alignmentsOf = (version) => Math.floor(version / 7) + 2;

// The number of codewords in total, for data and for error correction.
function codewordsOf(version) {
  let modules = (16 * version + 128) * version + 64;
  const count = alignmentsOf(version);
  if (version >= 2) modules -= (25 * count - 10) * count - 55;
  if (version >= 7) modules -= 36;
  return Math.floor(modules / 8);
}

const capacityOf = (version) => codewordsOf(version) - CORRECTION[version - 1] * BLOCKS[version - 1];
const countBits = (version) => (version < 10 ? 8 : 16);

function multiply(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; --bit) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

function generator(degree) {
  const result = new Array(degree).fill(0);
  result[degree - 1] = 1;
  let root = 1;
  for (let step = 0; step < degree; ++step) {
    for (let at = 0; at < degree; ++at) result[at] = multiply(result[at], root) ^ (result[at + 1] ?? 0);
    root = multiply(root, 2);
  }
  return result;
}

function remainder(data, divisor) {
  const result = new Array(divisor.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ result.shift();
    result.push(0);
    divisor.forEach((each, at) => (result[at] ^= multiply(each, factor)));
  }
  return result;
}

// The data with its mode, length and padding.
function packed(bytes, version) {
  const bits = [];
  const add = (value, count) => {
    for (let bit = count - 1; bit >= 0; --bit) bits.push((value >> bit) & 1);
  };
  add(4, 4);
  add(bytes.length, countBits(version));
  for (const byte of bytes) add(byte, 8);
  const capacity = capacityOf(version) * 8;
  add(0, Math.min(4, capacity - bits.length));
  add(0, -bits.length & 7);
  for (let pad = 0xec; bits.length < capacity; pad ^= 0xec ^ 0x11) add(pad, 8);
  const data = [];
  for (let at = 0; at < bits.length; at += 8) data.push(parseInt(bits.slice(at, at + 8).join(""), 2));
  return data;
}

// Codewords in the order in which they are placed: those of all blocks alternate.
function interleaved(data, version) {
  const [count, correction] = [BLOCKS[version - 1], CORRECTION[version - 1]];
  const total = codewordsOf(version);
  const longer = total % count; // the last blocks
  const divisor = generator(correction);
  const blocks = [];
  for (let block = 0, at = 0; block < count; ++block) {
    const length = Math.floor(total / count) - correction + (block >= count - longer ? 1 : 0);
    blocks.push(data.slice(at, at + length));
    at += length;
  }
  const corrections = blocks.map((block) => remainder(block, divisor));
  const result = [];
  for (const parts of [blocks, corrections])
    for (let at = 0; at < Math.max(...parts.map(({ length }) => length)); ++at)
      for (const part of parts) if (at < part.length) result.push(part[at]);
  return result;
}

class Matrix {
  #version;
  size;
  modules;
  #fixed; // patterns, which are not masked

  constructor(version) {
    this.#version = version;
    this.size = sizeOf(version);
    this.modules = Array.from({ length: this.size }, () => new Array(this.size).fill(0));
    this.#fixed = this.modules.map((row) => row.map(() => false));
    this.#patterns();
  }

  #set(x, y, value) {
    if (x < 0 || y < 0 || x >= this.size || y >= this.size) return;
    this.modules[y][x] = value ? 1 : 0;
    this.#fixed[y][x] = true;
  }

  #patterns() {
    const { size } = this;
    for (let at = 0; at < size; ++at) {
      this.#set(6, at, at % 2 === 0);
      this.#set(at, 6, at % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) this.#rings(x, y, 4, [2, 4]);
    const places = this.#alignments();
    const last = places.length - 1;
    const isFinder = (a, b) => (a === 0 && b === 0) || (a === 0 && b === last) || (a === last && b === 0);
    for (let a = 0; a <= last; ++a)
      for (let b = 0; b <= last; ++b) if (!isFinder(a, b)) this.#rings(places[a], places[b], 2, [1]);
    this.#format(0);
    if (this.#version >= 7) this.#versionBits();
  }

  // Squares around a centre, dark but for those at the light distances.
  #rings(x, y, reach, light) {
    for (let dy = -reach; dy <= reach; ++dy)
      for (let dx = -reach; dx <= reach; ++dx)
        this.#set(x + dx, y + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
  }

  #alignments() {
    if (this.#version === 1) return [];
    const count = alignmentsOf(this.#version);
    const step = Math.ceil((this.size - 13) / (2 * count - 2)) * 2;
    return [6, ...Array.from({ length: count - 1 }, (_, at) => this.size - 7 - (count - 2 - at) * step)];
  }

  #format(mask) {
    const { size } = this;
    const data = (LEVEL << 3) | mask;
    let rest = data;
    for (let step = 0; step < 10; ++step) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
    const bits = ((data << 10) | rest) ^ 0x5412;
    const bit = (at) => (bits >> at) & 1;
    const first = [0, 1, 2, 3, 4, 5, 7, 8];
    first.forEach((place, at) => this.#set(8, place, bit(at)));
    first.slice(0, 7).reverse().forEach((place, at) => this.#set(place, 8, bit(8 + at)));
    for (let at = 0; at < 8; ++at) this.#set(size - 1 - at, 8, bit(at));
    for (let at = 8; at < 15; ++at) this.#set(8, size - 15 + at, bit(at));
    this.#set(8, size - 8, 1);
  }

  #versionBits() {
    let rest = this.#version;
    for (let step = 0; step < 12; ++step) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
    const bits = (this.#version << 12) | rest;
    for (let at = 0; at < 18; ++at) {
      const [a, b] = [this.size - 11 + (at % 3), Math.floor(at / 3)];
      this.#set(a, b, (bits >> at) & 1);
      this.#set(b, a, (bits >> at) & 1);
    }
  }

  // Writes the codewords in columns of two, alternately up and down.
  place(codewords) {
    let bit = 0;
    for (let right = this.size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      const isUp = ((right + 1) & 2) === 0;
      for (let step = 0; step < this.size; ++step) {
        const y = isUp ? this.size - 1 - step : step;
        for (const x of [right, right - 1]) {
          if (this.#fixed[y][x] || bit >= codewords.length * 8) continue;
          this.modules[y][x] = (codewords[bit >> 3] >> (7 - (bit & 7))) & 1;
          ++bit;
        }
      }
    }
  }

  #invert(mask) {
    for (let y = 0; y < this.size; ++y)
      for (let x = 0; x < this.size; ++x)
        if (!this.#fixed[y][x] && MASKS[mask](x, y) === 0) this.modules[y][x] ^= 1;
  }

  // Long runs of one colour are hard to read, and so are patterns that resemble the corners.
  get #cost() {
    const columns = this.modules.map((_, x) => this.modules.map((row) => row[x]));
    const lines = [...this.modules, ...columns].map((line) => line.join(""));
    const runs = lines.flatMap((line) => line.match(/0{5,}|1{5,}/g) ?? []);
    const corners = lines.flatMap((line) => line.match(/(?=00001011101|10111010000)/g) ?? []);
    return runs.reduce((sum, run) => sum + run.length - 2, 40 * corners.length);
  }

  mask() {
    const costs = MASKS.map((_, mask) => {
      this.#invert(mask);
      const cost = this.#cost;
      this.#invert(mask);
      return cost;
    });
    const best = costs.indexOf(Math.min(...costs));
    this.#invert(best);
    this.#format(best);
  }
}

// Rows of 0 and 1; null if the string is too long.
export function encodeQr(string) {
  const bytes = new TextEncoder().encode(string);
  const holds = (version) => 4 + countBits(version) + 8 * bytes.length <= 8 * capacityOf(version);
  const version = CORRECTION.findIndex((_, at) => holds(at + 1)) + 1;
  if (version === 0) return null;
  const matrix = new Matrix(version);
  matrix.place(interleaved(packed(bytes, version), version));
  matrix.mask();
  return matrix.modules;
}

// An <svg> with the code of a string; null if it is too long.
export function drawQr(string, label) {
  const rows = encodeQr(string);
  if (rows === null) return null;
  const size = rows.length + 2 * QUIET;
  const dark = rows.flatMap((row, y) =>
    row.map((module, x) => (module ? `M${x + QUIET},${y + QUIET}h1v1h-1z` : "")),
  );
  return svg(
    "svg",
    { viewBox: `0 0 ${size} ${size}`, class: "qr", role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    svg("rect", { width: size, height: size, fill: "#fff" }),
    svg("path", { d: dark.join(""), fill: "#000" }),
  );
}
