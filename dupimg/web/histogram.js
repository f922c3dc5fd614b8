/* The histogram of nearest cosines, with both thresholds. */

const CHART = { height: 220, left: 44, right: 20, top: 28, bottom: 28, step: 0.01 };

/** Count cosines in bins of equal width up to 1; the last one includes 1. */
function countCosines(cosines) {
  const least = cosines.reduce((least, cosine) => Math.min(least, cosine), 0.4);
  const first = Math.max(-1, Math.floor(least / CHART.step + 1e-9) * CHART.step);
  const counts = new Array(Math.round((1 - first) / CHART.step)).fill(0);
  for (const cosine of cosines) {
    const bin = Math.floor((cosine - first) / CHART.step + 1e-9);
    counts[Math.min(Math.max(bin, 0), counts.length - 1)] += 1;
  }
  return { first, counts };
}

/** Return a round number of photos for the lines of the scale, about four of them. */
function tickStep(most) {
  const raw = Math.max(1, most / 4);
  const power = 10 ** Math.floor(Math.log10(raw));
  return Math.max(1, [1, 2, 5, 10].find((digit) => digit * power >= raw) * power);
}

/** Draw the histogram of the nearest cosines of some rows. */
function histogram(rows, thresholds) {
  const cosines = rows.map((row) => row.nearest_cosine).filter((cosine) => cosine !== null);
  const { first, counts } = countCosines(cosines);
  const most = Math.max(1, ...counts);
  // So that its words are as large as those of the page.
  const width = wide.matches ? 720 : 340;
  const { height, left, right, top, bottom, step } = CHART;
  const x = (cosine) => left + ((cosine - first) / (1 - first)) * (width - left - right);
  const y = (count) => height - bottom - (count / most) * (height - top - bottom);
  const drawing = svg("svg", {
    class: "histogram", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": histogramInWords(cosines, thresholds),
  });
  for (let count = 0; count <= most; count += tickStep(most)) {
    drawing.append(
      svg("line", { class: "grid", x1: left, x2: width - right, y1: y(count), y2: y(count) }),
      label(formatNumber(count), left - 8, y(count) + 4, "end"),
    );
  }
  counts.forEach((count, i) => {
    const from = first + i * step;
    const bar = svg("rect", {
      class: from >= thresholds.duplicate - 1e-9 ? "column duplicate" : "column",
      x: x(from) + 1, width: Math.max(1, x(from + step) - x(from) - 2),
      y: y(count), height: y(0) - y(count), rx: 1.5,
    });
    const range = `${formatThreshold(from)} – ${formatThreshold(from + step)}`;
    bar.append(svg("title", {}, t("histogram.bar", { count, range })));
    drawing.append(bar);
  });
  for (let cosine = Math.ceil(first * 10 - 1e-9) / 10; cosine <= 1.001; cosine += 0.1) {
    drawing.append(label(formatThreshold(cosine), x(cosine), height - 8, "middle"));
  }
  drawing.append(
    ...thresholdLine(t("scenes"), thresholds.scene, x, y),
    ...thresholdLine(t("duplicates"), thresholds.duplicate, x, y),
  );
  return drawing;
}

function label(text, x, y, anchor) {
  return svg("text", { x, y, "text-anchor": anchor }, text);
}

function thresholdLine(name, threshold, x, y) {
  const place = x(threshold);
  const text = label(`${name} ${formatThreshold(threshold)}`, place - 6, CHART.top - 12, "end");
  text.classList.add("threshold-name");
  return [
    svg("line", { class: "threshold", x1: place, x2: place, y1: CHART.top - 22, y2: y(0) }),
    text,
  ];
}

function histogramInWords(cosines, thresholds) {
  const duplicates = cosines.filter((cosine) => cosine >= thresholds.duplicate).length;
  const between = cosines.filter((cosine) => cosine >= thresholds.scene).length - duplicates;
  return t("histogram.label", {
    total: cosines.length, duplicates, between, rest: cosines.length - duplicates - between,
    scene: formatThreshold(thresholds.scene), duplicate: formatThreshold(thresholds.duplicate),
  });
}
