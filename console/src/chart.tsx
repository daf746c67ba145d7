// A line chart over the last five minutes or hour.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { clock } from "./parts";
import "uplot/dist/uPlot.min.css";

export interface Line { label: string; color: string; values: number[] }
export interface ChartProps {
  name: string;
  now: string;       // its newest values, in words
  ends: number[];    // milliseconds
  lines: Line[];
  marks: number[];   // moments at which the configuration changed
  unit: (value: number) => string;
}

const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Chart({ name, now, ends, lines, marks, unit }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marked = useRef(marks);
  marked.current = marks;
  const theme = document.documentElement.dataset.theme ?? "";
  useEffect(() => {
    const host = place.current!;
    const grid = { stroke: color("--line"), width: 1 };
    const axis = { stroke: color("--soft"), grid, ticks: grid, font: "11px system-ui" };
    const made = new uPlot({
      width: host.clientWidth, height: 150, legend: { show: false }, cursor: { show: false },
      scales: { y: { range: (_, __, top) => [0, Math.max(top * 1.1, 0.001)] } },
      axes: [{ ...axis, space: 70, values: (_, ticks) => ticks.map((tick) => clock(tick * 1000)) }, { ...axis, size: 56, values: (_, ticks) => ticks.map(unit) }],
      series: [{}, ...lines.map((line) => ({ label: line.label, stroke: color(line.color), width: 1.5, points: { show: false } }))],
      hooks: {
        draw: [(u) => {
          u.ctx.save();
          u.ctx.strokeStyle = color("--accent");
          u.ctx.setLineDash([4, 3]);
          for (const mark of marked.current) {
            const x = u.valToPos(mark / 1000, "x", true);
            if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
            u.ctx.beginPath();
            u.ctx.moveTo(x, u.bbox.top);
            u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
            u.ctx.stroke();
          }
          u.ctx.restore();
        }],
      },
    }, [[], ...lines.map(() => [])] as uPlot.AlignedData, host);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height: 150 }));
    watch.observe(host);
    return () => { watch.disconnect(); made.destroy(); plot.current = null; };
  }, [theme, lines.length]);
  useEffect(() => {
    plot.current?.setData([ends.map((end) => end / 1000), ...lines.map((line) => line.values)] as uPlot.AlignedData);
  });
  return (
    <figure class="chart">
      <figcaption>{name} {lines.map((line) => <span class="key" key={line.label}><i class={`swatch ${line.color.slice(2)}`} />{line.label}</span>)}</figcaption>
      <div ref={place} role="img" aria-label={`${name}: ${now}`} />
    </figure>
  );
}
