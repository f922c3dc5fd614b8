/* The histogram of how alike photos are to the nearest other, and what was decided of them. */

const CHART = { height: 236, left: 44, right: 20, top: 44, bottom: 28, step: 0.01 };

/** Count rows by cosine in bins of equal width up to 1, the last one includes 1; of each bin, how
 * many there are and how many were `isReached`. */
function countCosines(rows, cosineOf, isReached) {
  const cosines = rows.map(cosineOf);
  const least = cosines.reduce((least, cosine) => Math.min(least, cosine), 0.4);
  const first = Math.max(-1, Math.floor(least / CHART.step + 1e-9) * CHART.step);
  const counts = new Array(Math.round((1 - first) / CHART.step)).fill(0);
  const reached = counts.slice();
  rows.forEach((row, i) => {
    const bin = Math.floor((cosines[i] - first) / CHART.step + 1e-9);
    const place = Math.min(Math.max(bin, 0), counts.length - 1);
    counts[place] += 1;
    if (isReached(row)) reached[place] += 1;
  });
  return { first, counts, reached };
}

/** Return a round number of photos for the lines of the scale, about four of them. */
function tickStep(most) {
  const raw = Math.max(1, most / 4);
  const power = 10 ** Math.floor(Math.log10(raw));
  return Math.max(1, [1, 2, 5, 10].find((digit) => digit * power >= raw) * power);
}

/** Draw the histogram of the cosines of rows; `thresholds` are named and descend. */
function histogram(rows, cosineOf, thresholds, isReached) {
  const counted = countCosines(rows, cosineOf, isReached);
  const cosines = rows.map(cosineOf);
  const drawn = svg("svg", {
    class: "histogram", role: "img", "aria-label": histogramInWords(cosines, thresholds),
  });
  // Drawn as wide as there is room, its words are as large as those around it.
  new ResizeObserver(([{ contentRect: { width } }]) => {
    if (!width) return;
    drawn.setAttribute("viewBox", `0 0 ${width} ${CHART.height}`);
    drawn.replaceChildren(...histogramParts(counted, thresholds, width));
  }).observe(drawn);
  return drawn;
}

function histogramParts({ first, counts, reached }, thresholds, width) {
  const chart = chartOf(first, Math.max(1, ...counts), width);
  return [
    ...countLines(chart),
    ...counts.map((count, i) => column(chart, count, reached[i], first + i * CHART.step)),
    ...cosineLabels(chart),
    ...[...thresholds].reverse().flatMap((mark, i) => thresholdLine(chart, mark, 12 + 18 * i)),
  ];
}

/** Return where cosines and counts stand in a drawing of a width. */
function chartOf(first, most, width) {
  const { height, left, right, top, bottom } = CHART;
  return {
    width, first, most,
    x: (cosine) => left + ((cosine - first) / (1 - first)) * (width - left - right),
    y: (count) => height - bottom - (count / most) * (height - top - bottom),
  };
}

function label(text, x, y, anchor) {
  return svg("text", { x, y, "text-anchor": anchor }, text);
}

function countLines({ width, most, y }) {
  const step = tickStep(most);
  const counts = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
  return counts.flatMap((count) => [
    svg("line", {
      class: "grid", x1: CHART.left, x2: width - CHART.right, y1: y(count), y2: y(count),
    }),
    label(formatNumber(count), CHART.left - 8, y(count) + 4, "end"),
  ]);
}

function column({ x, y }, count, reached, from) {
  const to = from + CHART.step;
  const range = `${formatNumber(Math.round(100 * from))} – ${thresholdPercent(Math.round(100 * to) / 100)}`;
  const bar = (name, height) =>
    svg("rect", {
      class: name, x: x(from) + 1, width: Math.max(1, x(to) - x(from) - 2),
      y: y(height), height: y(0) - y(height), rx: 1.5,
    });
  return svg("g", {}, svg("title", {}, t("histogram.bar", { count, range })),
    bar("column", count), ...(reached ? [bar("column reached", reached)] : []));
}

function cosineLabels({ width, first, x }) {
  const parts = width < 500 ? 5 : 10;
  const labels = [];
  for (let part = Math.ceil(first * parts - 1e-9); part <= parts; part += 1) {
    const cosine = part / parts;
    labels.push(label(thresholdPercent(cosine), x(cosine), CHART.height - 8, "middle"));
  }
  return labels;
}

/** Mark a threshold; its name stands so far above the columns that no two overlap. */
function thresholdLine({ x, y }, { name, threshold }, above) {
  const place = x(threshold);
  const words = `${t(name)} ${thresholdPercent(threshold)}`;
  const text = label(words, place - 6, CHART.top - above, "end");
  text.classList.add("threshold-name");
  return [
    svg("line", { class: "threshold", x1: place, x2: place, y1: CHART.top - above - 10, y2: y(0) }),
    text,
  ];
}

function histogramInWords(cosines, thresholds) {
  const reached = thresholds.map(({ name, threshold }) =>
    t(`histogram.label.${name}`, {
      count: cosines.filter((cosine) => cosine >= threshold).length,
      threshold: thresholdPercent(threshold),
    }));
  return [t("histogram.label", { count: cosines.length }), ...reached].join(" ");
}
