/* The views of the page: which blocks or files each shows, by which filters. */

const VERDICTS = [
  "identical bytes", "identical pixels", "copy", "cropped copy", "edited copy", "near duplicate",
  "same scene",
];

const searchWords = (text) => text.normalize("NFC").toLowerCase().split(/\s+/).filter(Boolean);

const contains = (query) => (row) => query.every((word) => row.words.includes(word));

const bytesFreed = (photos) =>
  photos.reduce((sum, row) => sum + (row.action === "remove" ? row.bytes : 0), 0);

const leastLikeness = (photos) =>
  photos.reduce((least, row) => Math.min(least, row.cosine_to_keeper ?? 1), 1);

const ORDERS = {
  time: (a, b) => a.number - b.number,
  likeness: (a, b) => leastLikeness(a.photos) - leastLikeness(b.photos),
  bytes: (a, b) => bytesFreed(b.photos) - bytesFreed(a.photos),
};

const hasVerdict = (verdict) => (group) =>
  group.photos.some((row) => row.verdict === verdict && row.decided === "remove");

/** Return a block for a photo and the one that it was compared with, if that is known. */
const pairs = (model, rows, threshold) =>
  rows.map((row) => {
    const other = model.counterpart(row);
    const cosine = model.likeness(row);
    return { kind: "pair", number: row.n, photos: other ? [other, row] : [row], cosine, threshold };
  });

/** Return a block for a photo at the edge of a scene. */
const edges = (model, rows, threshold) => {
  if (!model.sceneCosines) return pairs(model, rows, threshold);
  // The photo that it was compared with is the one most like it by the other embedding.
  return rows.map((row) =>
    ({ kind: "pair", number: row.n, photos: [row], cosine: model.sceneCosine(row), threshold }));
};

const FILES = {
  all: (model) => model.rows,
  keep: (model) => model.rows.filter((row) => row.action === "keep" && !row.failed),
  remove: (model) => model.rows.filter((row) => row.action === "remove" && !row.failed),
  leave: (model) => model.rows.filter((row) => row.action === "leave"),
  failed: (model) => model.rows.filter((row) => row.failed),
  unreadable: (model) => model.others,
  companions: (model) => model.companions,
  videos: (model) => model.videos,
};

/* Each view: `filters` to choose from, and `select(model, filter)`, what is shown by one: blocks
with photos, sections of blocks, or files. `countOf` says how many a selection has. */
const VIEWS = {
  summary: { filters: () => [], select: () => [] },
  duplicates: {
    filters: ({ groups }) =>
      ["all", ...VERDICTS.filter((verdict) => groups.some(hasVerdict(verdict)))],
    select: ({ groups }, filter) =>
      groups
        .filter(filter === "all" ? () => true : hasVerdict(filter))
        .map((group) => ({ kind: "group", ...group })),
  },
  scenes: {
    filters: () => ["several", "single", "all"],
    select: ({ scenes }, filter) =>
      scenes
        .filter(({ photos }) => filter === "all" || photos.length > 1 === (filter === "several"))
        .map((scene) => ({ kind: "scene", ...scene })),
  },
  borderline: {
    filters: () => ["all", "removed", "kept", "scenes"],
    select: (model, filter) => {
      const { duplicate_threshold: duplicate, scene_threshold: scene } = model.about;
      const { removed, kept, scenes } = model.border;
      const sections = {
        removed: pairs(model, removed, duplicate),
        kept: pairs(model, kept, duplicate),
        scenes: edges(model, scenes, scene),
      };
      const chosen = filter === "all" ? Object.keys(sections) : [filter];
      return chosen.flatMap((section) => sections[section].map((pair) => ({ ...pair, section })));
    },
  },
  files: {
    filters: (model) =>
      Object.keys(FILES).filter((key) => key === "all" || FILES[key](model).length > 0),
    select: (model, filter) => FILES[filter](model),
  },
};

/** Return what a view shows by a filter and the words that were searched for. */
function selected(model, view, filter, query) {
  const matches = contains(query);
  const found = VIEWS[view].select(model, filter);
  if (!query.length) return found;
  return found.filter((entry) => (entry.photos ? entry.photos.some(matches) : matches(entry)));
}

/** Return the lines of what a view shows. */
function linesOf(view, found, available, review) {
  if (view === "files") return fileLines(found);
  if (view === "scenes") return stripLines(found, available);
  if (view === "duplicates") return tileLines(found, available, review);
  return ["removed", "kept", "scenes"].flatMap((section) => {
    const blocks = found.filter((pair) => pair.section === section);
    if (!blocks.length) return [];
    const heading = headingLine(t(`borderline.${section}`), t(`borderline.${section}.about`));
    return [heading, ...tileLines(blocks, available, review)];
  });
}

/** Return the title of a block and what is said beside it. */
function blockTitle(model, block) {
  const { kind, number, photos } = block;
  if (kind === "group") {
    const bytes = formatBytes(bytesFreed(photos));
    return [t("group", { number }), t("group.about", { count: photos.length, bytes })];
  }
  if (kind === "scene") return [t("scene", { number }), sceneAbout(photos)];
  const distance = formatCosine(Math.abs(block.cosine - block.threshold));
  const side = block.cosine < block.threshold ? "below" : "above";
  const threshold = formatThreshold(block.threshold);
  return [formatCosine(block.cosine), t(`pair.${side}`, { distance, threshold })];
}

function sceneAbout(photos) {
  const [first, last] = [photos[0].time, photos.at(-1).time];
  if (photos.length === 1) return formatMoment(photos[0], "day");
  const range = words.formats.range.formatRange(first, last);
  return `${countMedia(photos)} · ${range}`;
}

/** Count photos, and videos among them. */
function countMedia(rows) {
  const videos = rows.filter((row) => row.video).length;
  const parts = [
    rows.length > videos ? t("photos", { count: rows.length - videos }) : "",
    videos ? t("videos", { count: videos }) : "",
  ];
  return parts.filter(Boolean).join(" · ");
}
