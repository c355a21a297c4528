// Charts of the last seconds, drawn by the vendored uPlot.
// SPDX-License-Identifier: Apache-2.0

const uPlot = () => window.uPlot;
const MINUTE = 60; // points
const scales = new Map(); // seconds before now, by number of points
const charts = new Set();
const style = getComputedStyle(document.documentElement);
const colour = (name) => () => style.getPropertyValue(name).trim();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts) chart.redraw();
});

const seconds = (count) => {
  if (!scales.has(count)) scales.set(count, Array.from({ length: count }, (_, index) => index - count + 1));
  return scales.get(count);
};

const whole = (plot) => [plot.data[0][0], 0];
const before = (tick) => (tick === 0 ? "now" : tick % 60 === 0 ? `${tick / 60} min` : `${tick} s`);
const empty = (lines) => [seconds(MINUTE), ...lines.map(() => Array(MINUTE).fill(null))];

const line = (stroke, fill, width = 1.5) => ({
  stroke: colour(stroke),
  fill: fill && colour(fill),
  width,
  points: { show: false },
  spanGaps: false,
});

const STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900]; // seconds between two ticks of an axis

// Starts at zero, with a minimum range, so that noise does not fill the chart.
const upwards = (least) => (_, low, high) => [0, Math.max(least, (high ?? 0) * 1.15)];

// Draws `keys` of the series into `place`; the first as an area, the second (drops) over it.
export function sparkline(place, { least = 1, lines = [["--ok", "--ok-area"]] } = {}) {
  const options = {
    width: place.clientWidth || 100,
    height: place.clientHeight || 24,
    padding: [2, 0, 1, 0],
    legend: { show: false },
    cursor: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: { x: { time: false, range: whole }, y: { range: upwards(least) } },
    series: [{}, ...lines.map(([stroke, fill]) => line(stroke, fill))],
  };
  return kept(new (uPlot())(options, empty(lines), place), place);
}

// With axes, for the details.
export function chart(place, { least = 1, lines, unit }) {
  const axis = {
    stroke: colour("--dim"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "11px sans-serif",
  };
  const options = {
    width: place.clientWidth || 400,
    height: 120,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    axes: [
      { ...axis, size: 22, incrs: STEPS, values: (_, ticks) => ticks.map(before) },
      { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => `${+tick.toPrecision(4)}${unit}`) },
    ],
    scales: { x: { time: false, range: whole }, y: { range: upwards(least) } },
    series: [{}, ...lines.map(([stroke, fill]) => line(stroke, fill, 2))],
  };
  return kept(new (uPlot())(options, empty(lines), place), place);
}

function kept(plot, place) {
  charts.add(plot);
  return {
    set: (...series) => plot.setData([seconds(series[0].length), ...series]),
    fit: () => {
      const width = place.clientWidth;
      if (width > 0 && width !== plot.width) plot.setSize({ width, height: plot.height });
    },
    remove: () => {
      charts.delete(plot);
      plot.destroy();
    },
  };
}
