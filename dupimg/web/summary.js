/* The summary: counts, what is worth a look, how alike the photos are, how the run was made. */

const COVERS = 12;

/** Return the parts of the summary. */
function summaryElements(page) {
  return [
    searched(page), counts(page), notes(page), covers(page),
    element("div", { class: "cards" }, likenessCard(page), worthALook(page), aboutRun(page)),
  ];
}

/** Say that a search narrows what is counted. */
function searched({ query }) {
  if (!query.length) return null;
  return element("p", { class: "about" }, t("summary.searched", { words: query.join(" ") }));
}

function counts({ model, query }) {
  const tense = model.about.state === "applied" ? "done" : "planned";
  const all = model.rows.filter(contains(query));
  const by = (action) => all.filter((row) => row.action === action && !row.failed);
  const failed = all.filter((row) => row.failed);
  const bytes = (rows) => formatBytes(rows.reduce((sum, row) => sum + row.bytes, 0));
  const [kept, removed, other, left] = ["keep", "remove", "other", "leave"].map(by);
  // As the report counts them; the view of scenes shows what is left where it is, too.
  const numbers = new Set(kept.map((row) => row.scene));
  const scenes = model.hasScenes ? [t("summary.scenes", { count: numbers.size })] : [];
  const groups = selected(model, "duplicates", "all", query).length;
  const freed = [
    groups ? t("summary.groups", { count: groups }) : "",
    t(`summary.freed.${tense}`, { bytes: formatBytes(model.freed(removed)) }),
  ].filter(Boolean).join(" · ");
  const films = model.videos.filter(contains(query)).length;
  const videos = films ? [t("videos", { count: films })] : [];
  const found = [bytes(all), ...videos].join(" · ");
  const number = (key, rows, about, href) =>
    element(
      "a",
      { class: `count ${key}`, href },
      element("span", { class: "count-name" }, t(`summary.${key}.${tense}`)),
      element("strong", {}, formatNumber(rows.length)),
      element("span", { class: "about" }, about),
    );
  return element(
    "div",
    { class: "counts" },
    number("found", all, found, "#files/all"),
    number("keep", kept, [...scenes, bytes(kept)].join(" · "), "#files/keep"),
    number("remove", removed, freed, "#duplicates"),
    other.length ? number("other", other, t("summary.other.about", { count: other.length }),
      "#files/unreadable") : null,
    left.length ? number("leave", left, t("summary.leave.about", { count: left.length }),
      "#files/leave") : null,
    failed.length ? number("failed", failed, t("summary.failed.about",
      { count: failed.length }), "#files/failed") : null,
  );
}

function notes({ model }) {
  const { notes: lines } = model.about;
  if (!lines.length) return null;
  // The label is for the terminal.
  const bare = ([code, values]) => (code === "note.labelled" ? values.note : [code, values]);
  const text = lines.map((line) => say(bare(line))).join("\n");
  return element("p", { class: "notes" }, text);
}

/** Show one photo each of the largest scenes. */
function covers(page) {
  const scenes = page.model.scenes.filter(({ photos }) => photos.length > 1);
  scenes.sort((a, b) => b.photos.length - a.photos.length);
  if (!scenes.length) return null;
  const cover = ({ number, photos }) =>
    element(
      "li",
      {},
      element(
        "a",
        { href: `#scenes/several/${number}`, class: "cover" },
        thumbnail(page, photos.find((row) => row.width) ?? photos[0], 160, 120),
        element("span", { class: "small row" },
          element("span", {}, visible(photos[0].scene_name || "") || t("scene", { number })),
          element("span", { class: "numbers" }, countMedia(photos))),
      ),
    );
  return element(
    "section",
    {},
    element("h3", { id: "covers-title" }, t("summary.covers")),
    element("ul", { class: "covers", "aria-labelledby": "covers-title" },
      ...scenes.slice(0, COVERS).map(cover)),
  );
}

/** Show how alike the photos are: by each of two embeddings, or by the one for both thresholds. */
function likenessCard({ model }) {
  const { duplicate_threshold: duplicate, scene_threshold: scene, rule } = model.about;
  const marks = [
    { name: "duplicates", threshold: duplicate }, { name: "scenes", threshold: scene },
  ];
  const sizes = new Map(model.scenes.map(({ number, photos }) => [number, photos.length]));
  const isRemoved = (row) => row.action === "remove";
  const hasCompany = (row) => sizes.get(row.scene) > 1;
  const chart = (name, cosine, thresholds, isReached, key) =>
    element("figure", {},
      element("figcaption", { class: "about" }, t(`histogram.${name}`)),
      histogram(model.photos.filter((row) => cosine(row) !== null), cosine, thresholds, isReached),
      element("p", { class: "about legend" }, t(`histogram.reached.${key}`)));
  // Where copies are proven from low cosines up, the threshold decides nothing.
  const decisive = rule === "verified" ? [] : [marks[0]];
  const nearest = (row) => row.nearest_cosine;
  const ofScenes = model.hasScenes ? [marks[1]] : [];
  const charts = model.hasScenes && model.sceneCosines
    ? [
        chart("duplicates", nearest, decisive, isRemoved, "duplicates"),
        chart("scenes", (row) => row.nearest_scene_cosine, ofScenes, hasCompany, "scenes"),
      ]
    : [chart("about", nearest, [...decisive, ...ofScenes], isRemoved, "duplicates")];
  return element("section", { class: "card wide" },
    element("h3", {}, t("histogram")), element("div", { class: "charts" }, ...charts));
}

function worthALook({ model, query }) {
  const entries = [
    ["look.removed", "borderline", "removed"],
    ["look.kept", "borderline", "kept"],
    ["look.scenes", "borderline", "scenes"],
    ["look.near", "duplicates", "near duplicate"],
    ["look.unreadable", "files", "unreadable"],
  ]
    .map(([key, view, filter]) =>
      [key, selected(model, view, filter, query).length, `#${view}/${filter}`])
    .filter(([, count]) => count);
  return element(
    "section",
    { class: "card" },
    element("h3", {}, t("look")),
    entries.length
      ? element("ul", { class: "look" }, ...entries.map(([key, count, href]) =>
          element("li", {}, element("a", { href },
            element("strong", { class: "numbers" }, formatNumber(count)), t(key, { count })))))
      : element("p", { class: "about" }, t("look.nothing")),
  );
}

function aboutRun({ model }) {
  const { about } = model;
  const photos = model.photos.filter((row) => !row.video);
  const [duplicate, scene, link] = ["duplicate", "scene", "link"].map((name) =>
    thresholdPercent(about[`${name}_threshold`]));
  const entries = [
    ["run.folder", visible(Object.values(about.inputs).join(", "))],
    ["run.state", t(`state.${about.state}`)],
    ["run.duplicates", t(`rule.${about.rule}`, { threshold: duplicate })],
    ...(model.hasScenes ? [["run.scenes", t("run.scenes.value", { threshold: scene, link })]] : []),
    ["run.model", about.model],
  ];
  if (about.protected.length) {
    entries.splice(1, 0, ["run.protected", visible(about.protected.join(", "))]);
  }
  if (about.seconds) {
    entries.push(["run.seconds", t("run.seconds.value", {
      seconds: words.formats.tenths.format(about.seconds),
      rate: words.formats.tenths.format(photos.length / about.seconds),
      count: photos.length / about.seconds,
    })]);
  }
  return element(
    "section",
    { class: "card" },
    element("h3", {}, t("run")),
    element("dl", {}, ...entries.flatMap(([key, value]) => [
      element("dt", {}, t(key)), element("dd", { dir: "auto" }, value)])),
  );
}
