/* The table of facts beside large pictures: why first; what differs between two stands out. */

const shareOr = (value) => (value === null ? "" : thresholdPercent(value));
const cosineOr = (value) => (value === null ? "" : formatCosine(value));
// What another comparison says would mislead beside the photo that is shown.
const ofPair = (read) => (row, other) => (!other || row.compared_with === other.path ? read(row) : "");
const momentFrom = (row) => [formatMoment(row), t(`source.${row.taken_from}`)].join(" · ");

const nameOfScene = ({ scene, scene_name: name }) =>
  (scene === null ? "" : visible(name || "") || formatNumber(scene));

// What the table of a photo shows: the key of the name, and how to read it from a row.
const FACTS = [
  ["why", formatWhy],
  ["verdict", ofPair((row) => (row.verdict ? t(`verdict.${row.verdict}`) : ""))],
  ["pixels", (row) => (row.width ? `${formatPixels(row)} (${formatMegapixels(row)})` : "")],
  ["bytes", (row) => formatBytes(row.bytes)],
  ["taken", (row) => (row.taken_from ? momentFrom(row) : "")],
  ["folder", (row) => visible(splitPath(row.path).folder) || t("folder.top")],
  ["scene", nameOfScene],
  ["cosine", (row) => cosineOr(row.cosine_to_keeper)],
  ["nearest", (row) => cosineOr(row.nearest_cosine)],
  ["nearest-scene", (row) => cosineOr(row.nearest_scene_cosine)],
  ["correlation", ofPair((row) => cosineOr(row.thumb_correlation))],
  ["overlap", ofPair((row) => shareOr(row.overlap))],
  ["difference", ofPair((row) => shareOr(row.difference))],
  ["details", ofPair((row) => (row.shared_details === null ? "" : formatNumber(row.shared_details)))],
];

// What there is only where photos are sorted into scenes.
const OF_SCENES = ["scene", "nearest-scene"];

// What stands out where it differs.
const STRESSED = ["pixels", "bytes", "taken", "folder", "scene"];

/** Make a line for each photo of two: there is more to say than a column has room for. */
const whyLines = (rows, roles) =>
  rows.map((row, i) => element("tr", {},
    element("th", { scope: "row" }, t("number.why"), element("span", { class: "small" }, roles[i])),
    element("td", { class: "why", colspan: 2 }, ...inLanguages(formatWhy(row) || "–"))));

/** Make the table of one photo or two; `roles` say what each is. */
function factsTable({ hasScenes }, rows, roles) {
  const two = rows.length > 1;
  const line = ([key, read]) => {
    const values = rows.map((row, i) => read(row, rows[1 - i]));
    if (!values.some(Boolean)) return null;
    const differs = STRESSED.includes(key) && new Set(values).size > 1 ? "differs" : "";
    return element("tr", {}, element("th", { scope: "row" }, t(`number.${key}`)),
      ...values.map((value) =>
        element("td", { class: `${key} ${differs}` }, ...inLanguages(value || "–"))));
  };
  const head = element("tr", {}, element("td"),
    ...roles.map((role) => element("th", { scope: "col" }, role)));
  return element("div",
    { class: "facts", tabindex: 0, role: "region", "aria-label": t("viewer.numbers") },
    element("table", {}, ...(two ? [...whyLines(rows, roles), head] : []),
      ...FACTS.filter(([key]) => (!two || key !== "why") && (hasScenes || !OF_SCENES.includes(key)))
        .map(line)));
}
