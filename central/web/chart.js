// Today by hour, and the last days: bars of cars in and out, a line of people on foot.

import { html, useEffect, useRef } from "./vendor/preact-htm.js";

const INK = "#14181c";
const IN = "#1d4f7c";
const OUT = "#7fa3c0";
const FOOT = "#5b5f63";

/** Draw `rows` of [label, in, out, foot]; null figures are gaps, never zero. */
export function Chart({ rows, labels }) {
  const box = useRef(null);
  const drawn = useRef(null);
  const shape = `${rows.length}|${labels.join()}`;
  useEffect(() => {
    const plot = new globalThis.uPlot(options(rows, labels, box.current), columns(rows), box.current);
    drawn.current = plot;
    const watch = new ResizeObserver(() => plot.setSize(sizeOf(box.current)));
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      plot.destroy();
      drawn.current = null;
    };
  }, [shape]);
  const figures = JSON.stringify(rows);
  useEffect(() => drawn.current?.setData(columns(rows)), [figures]);
  return html`<div class="chart" ref=${box} data-rows=${rows.filter((row) => row[1] !== null).length}></div>`;
}

function columns(rows) {
  return [rows.map((_, i) => i), ...[1, 2, 3].map((part) => rows.map((row) => row[part]))];
}

function sizeOf(box) {
  return { width: Math.max(120, box.clientWidth), height: Math.max(80, box.clientHeight) };
}

function options(rows, labels, box) {
  const px = parseFloat(getComputedStyle(box).fontSize);
  const font = `${Math.max(11, Math.round(px * 0.9))}px sans-serif`;
  const bars = (align) => globalThis.uPlot.paths.bars({ size: [0.42, 60], align });
  const axis = { stroke: INK, font, grid: { stroke: "#b5bac0", width: 1 }, ticks: { show: false } };
  return {
    ...sizeOf(box),
    cursor: { show: false },
    legend: { show: false },
    padding: [8, 4, 0, 0],
    scales: {
      x: { time: false, range: [-0.6, rows.length - 0.4] },
      y: { range: (_, low, high) => [0, Math.max(5, high * 1.1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: px * 2,
        splits: () => rows.map((_, i) => i),
        values: (_, at) => at.map((i) => (rows.length <= 14 || i % 3 === 0 ? rows[i][0] : "")),
      },
      { ...axis, size: px * 3.4, values: (_, at) => at.map((y) => (Number.isInteger(y) ? y : "")) },
    ],
    series: [
      {},
      { label: labels[0], fill: IN, stroke: IN, width: 0, paths: bars(-1), points: { show: false } },
      { label: labels[1], fill: OUT, stroke: OUT, width: 0, paths: bars(1), points: { show: false } },
      { label: labels[2], stroke: FOOT, width: 2, dash: [6, 4], spanGaps: false, points: { show: true, size: 6, fill: FOOT } },
    ],
  };
}
