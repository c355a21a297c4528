// Small charts of the last minute, drawn by the vendored uPlot.
// SPDX-License-Identifier: Apache-2.0

const uPlot = () => window.uPlot;
const SECONDS = Array.from({ length: 60 }, (_, index) => index - 59);
const charts = new Set();
const style = getComputedStyle(document.documentElement);
const colour = (name) => () => style.getPropertyValue(name).trim();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts) chart.redraw();
});

const line = (stroke, fill, width = 1.5) => ({
  stroke: colour(stroke),
  fill: fill && colour(fill),
  width,
  points: { show: false },
  spanGaps: false,
});

// From zero, and never so narrow that noise fills it.
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
    scales: { x: { time: false, range: [-59, 0] }, y: { range: upwards(least) } },
    series: [{}, ...lines.map(([stroke, fill]) => line(stroke, fill))],
  };
  return kept(new (uPlot())(options, [SECONDS, ...lines.map(() => SECONDS.map(() => null))], place), place);
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
      { ...axis, size: 22, values: (_, ticks) => ticks.map((tick) => (tick === 0 ? "now" : `${tick} s`)) },
      { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => `${+tick.toPrecision(4)}${unit}`) },
    ],
    scales: { x: { time: false, range: [-59, 0] }, y: { range: upwards(least) } },
    series: [{}, ...lines.map(([stroke, fill]) => line(stroke, fill, 2))],
  };
  return kept(new (uPlot())(options, [SECONDS, ...lines.map(() => SECONDS.map(() => null))], place), place);
}

function kept(plot, place) {
  charts.add(plot);
  return {
    set: (...series) => {
      if (series.every((points) => points.length === SECONDS.length)) plot.setData([SECONDS, ...series]);
    },
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
