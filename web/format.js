// Formats numbers for people: few digits, with a stable width.
// SPDX-License-Identifier: Apache-2.0

export const NONE = "–";
const whole = new Intl.NumberFormat("en-US");
const known = (value) => typeof value === "number" && Number.isFinite(value);

export function rate(value) {
  if (!known(value)) return NONE;
  if (value < 1000) return value.toFixed(1);
  return value < 10000 ? whole.format(Math.round(value)) : `${(value / 1000).toFixed(1)}k`;
}

export const count = (value) => (known(value) ? whole.format(value) : NONE);

export const plural = (number, one) => `${count(number)} ${one}${number === 1 ? "" : "s"}`;

export function percent(share) {
  if (!known(share)) return NONE;
  return share < 0.0995 ? `${(share * 100).toFixed(1)} %` : `${Math.round(share * 100)} %`;
}

// Seconds, in the unit with the fewest digits.
export function time(seconds) {
  if (!known(seconds)) return NONE;
  const [value, unit] = scaled(seconds);
  return `${value} ${unit}`;
}

function scaled(seconds) {
  const size = Math.abs(seconds);
  if (size < 0.00995) return [(seconds * 1e3).toFixed(1), "ms"];
  if (size < 0.9995) return [(seconds * 1e3).toFixed(0), "ms"];
  if (size < 99.95) return [seconds.toFixed(1), "s"];
  return [seconds.toFixed(0), "s"];
}

// "1.4 / 4.0 ms": median and 99th percentile, with the unit only once if it is the same.
export function range(median, most) {
  if (!known(median) || !known(most)) return NONE;
  const [low, lowUnit] = scaled(median);
  const [high, highUnit] = scaled(most);
  return lowUnit === highUnit ? `${low} / ${high} ${highUnit}` : `${low} ${lowUnit} / ${high} ${highUnit}`;
}

export function duration(seconds) {
  if (!known(seconds)) return NONE;
  const all = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(all / 60) % 60;
  return all < 3600
    ? `${minutes}:${two(all % 60)}`
    : `${Math.floor(all / 3600)}:${two(minutes)}:${two(all % 60)}`;
}

export function bytes(value) {
  if (!known(value)) return NONE;
  if (value < 1024) return `${value} B`;
  const power = Math.min(4, Math.floor(Math.log2(value) / 10));
  const scaledValue = value / 2 ** (10 * power);
  return `${scaledValue.toFixed(scaledValue < 9.95 ? 1 : 0)} ${["", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

export function clock(unix) {
  return new Date(unix * 1000).toLocaleTimeString("en-GB");
}

export const sum = (numbers) => numbers.reduce((total, number) => total + (number ?? 0), 0);
