/* Precision against the threshold, with its interval and the answers behind it. */

const CHART = { width: 480, height: 302, left: 36, right: 12, top: 52, bottom: 62 };

function chart(judged, precision) {
  const { table, answers } = judged;
  const inner = { width: CHART.width - CHART.left - CHART.right, height: CHART.height - CHART.top - CHART.bottom };
  const lowest = table.threshold[0];
  const x = (cosine) => CHART.left + ((cosine - lowest) / (1 - lowest)) * inner.width;
  const y = (share) => CHART.top + (1 - share) * inner.height;
  const line = (values) => values.map((value, i) => `${x(table.threshold[i])},${y(value)}`);
  const band = [...line(table.high), ...line(table.low).reverse()].join(" ");
  const ground = y(0) + 14;
  return svg(
    "svg",
    { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: "curve", role: "img", "aria-label": chartInWords(judged) },
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      svg("line", { class: "grid", x1: CHART.left, x2: CHART.width - CHART.right, y1: y(share), y2: y(share) }),
      svg("text", { x: CHART.left - 8, y: y(share) + 4, "text-anchor": "end" }, words.formats.percent.format(share)),
    ]),
    ...roundNumbers(lowest).map((cosine) =>
      svg("text", { x: x(cosine), y: CHART.height - 26, "text-anchor": "middle" }, formatThreshold(cosine)),
    ),
    svg("text", { x: CHART.left + inner.width / 2, y: CHART.height - 2, "text-anchor": "middle" }, t("chart.threshold")),
    svg("polygon", { class: "interval", points: band }),
    svg("polyline", { class: "precision", points: line(table.precision).join(" ") }),
    ...answers
      .filter(([cosine]) => cosine >= lowest)
      .map(([cosine, together]) => {
        const at = together ? y(1) - 10 : ground - 4;
        return svg("line", { class: "tick", x1: x(cosine), x2: x(cosine), y1: at - 4, y2: at + 4 });
      }),
    svg("line", { class: "wanted", x1: CHART.left, x2: CHART.width - CHART.right, y1: y(precision), y2: y(precision) }),
    ...marker("in-use", x(judged.in_use), y, sideOf(judged.in_use, judged.recommended)),
    ...(judged.recommended === null ? [] : marker("recommended", x(judged.recommended), y, sideOf(judged.recommended, judged.in_use))),
  );
}

/** Say where a word stands beside its line, so that two words keep out of each other's way. */
function sideOf(threshold, other) {
  if (other === null) return "middle";
  return threshold < other ? "end" : "start";
}

/** Draw an upright line with a word above it. */
function marker(name, x, y, side) {
  const anchor = x < CHART.left + 60 ? "start" : x > CHART.width - 60 ? "end" : side;
  // The word for what is recommended stands above the other one, in case both lines are close.
  const height = CHART.top - (name === "recommended" ? 40 : 20);
  const line = svg("line", { class: name, x1: x, x2: x, y1: height + 4, y2: y(0) });
  return [line, svg("text", { class: `${name}-name`, x, y: height, "text-anchor": anchor }, t(`chart.${name}`))];
}

function roundNumbers(lowest) {
  const step = 1 - lowest > 0.3 ? 0.1 : 0.05;
  const first = Math.ceil(lowest / step - 1e-9);
  return Array.from({ length: Math.round(1 / step) - first + 1 }, (_, i) => (first + i) * step);
}

function chartInWords({ table, in_use: inUse }) {
  const i = table.threshold.findIndex((threshold) => Math.abs(threshold - inUse) < 1e-6);
  const threshold = formatThreshold(inUse);
  if (i < 0) return t("chart.unreached", { threshold });
  const percent = (share) => words.formats.percent.format(share);
  return t("chart", {
    threshold,
    precision: percent(table.precision[i]),
    low: percent(table.low[i]),
    high: percent(table.high[i]),
  });
}
