// The three charts of a function, drawn by uPlot: requests, errors, and the verdict's statistic beside its limit.
// https://github.com/leeoniq/uPlot/tree/master/docs

import uPlot from "uplot";
import type { Mark, Shown } from "./snapshot";

const HEIGHT = 150;
const COLOURS = ["--v0", "--v1", "--v2"];
export const dark = matchMedia("(prefers-color-scheme: dark)");

interface Line {
  label: string;
  colour: string;
  values: (number | null)[];
  dash?: number[];
}

interface Drawing {
  name: string;
  lines: Line[];
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function drawings(shown: Shown): Drawing[] {
  const by = (what: "requests" | "errors"): Line[] =>
    shown.chart.series.map((each, index) => ({
      label: `version ${each.version}`,
      colour: COLOURS[index % COLOURS.length] ?? "--v0",
      values: each[what],
    }));
  const found: Drawing[] = [
    { name: "Requests by minute", lines: by("requests") },
    { name: "Errors by minute", lines: by("errors") },
  ];
  if (shown.statistic) {
    const { by_minute, limit } = shown.statistic;
    found.push({
      name: "The verdict's statistic z beside its limit",
      lines: [
        { label: "z", colour: "--v1", values: by_minute },
        { label: "limit", colour: "--bad", values: by_minute.map(() => limit), dash: [6, 4] },
      ],
    });
  }
  return found;
}

// What a screen reader gets in place of a picture.
export function sentence(drawing: Drawing, marks: Mark[]): string {
  const sums = drawing.lines.map(({ label, values }) => {
    const known = values.filter((each) => each !== null);
    return label.startsWith("version")
      ? `${label}: ${String(known.reduce((sum, each) => sum + each, 0))}`
      : `${label}: ${String(known.at(-1) ?? "none")}`;
  });
  const said = marks.map((each) => `minute ${each.minute.toFixed(0)}: ${each.text}`);
  return [`${drawing.name}, the last 60 minutes.`, ...sums, ...said].join(" ");
}

function marking(marks: () => Mark[]): uPlot.Plugin {
  const draw = (plot: uPlot): void => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    for (const each of marks()) {
      const x = plot.valToPos(each.minute, "x", true);
      ctx.strokeStyle = colour(["alarm", "stop", "rollback"].includes(each.kind) ? "--bad" : "--soft");
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };
  return { hooks: { draw } };
}

// One picture, which is drawn again with each snapshot, and made anew where its lines or the colours are others.
export class Picture {
  readonly figure = document.createElement("figure");
  private readonly caption = document.createElement("figcaption");
  private readonly place = document.createElement("div");
  private plot: uPlot | undefined;
  private key = "";
  private marks: Mark[] = [];

  constructor() {
    this.place.setAttribute("role", "img");
    this.figure.append(this.caption, this.place);
    new ResizeObserver(() => {
      this.plot?.setSize({ width: this.width, height: HEIGHT });
    }).observe(this.figure);
  }

  private get width(): number {
    return Math.max(this.figure.clientWidth, 200);
  }

  show(drawing: Drawing, marks: Mark[]): void {
    this.marks = marks;
    this.caption.textContent = drawing.name;
    this.place.setAttribute("aria-label", sentence(drawing, marks));
    const length = Math.max(...drawing.lines.map((each) => each.values.length), 1);
    const data = [Array.from({ length }, (_, minute) => minute), ...drawing.lines.map((each) => each.values)];
    const key = JSON.stringify([dark.matches, drawing.lines.map((each) => [each.label, each.colour])]);
    if (key !== this.key) {
      this.plot?.destroy();
      this.plot = new uPlot(this.options(drawing), data as uPlot.AlignedData, this.place);
      this.key = key;
    } else {
      this.plot?.setData(data as uPlot.AlignedData);
    }
  }

  private options(drawing: Drawing): uPlot.Options {
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
    return {
      width: this.width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: [0, 60] }, y: { range: (_, low, high) => [Math.min(low, 0), Math.max(high, 1)] } },
      axes: [{ ...axis, values: (_, splits) => splits.map((each) => (each === 60 ? "now" : `-${String(60 - each)}`)) }, axis],
      series: [
        {},
        ...drawing.lines.map((each) => ({
          label: each.label,
          stroke: colour(each.colour),
          width: 2,
          points: { show: false },
          ...(each.dash ? { dash: each.dash } : {}),
        })),
      ],
      plugins: [marking(() => this.marks)],
    };
  }
}
