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

/** Return blocks of pairs, the one that stays or was compared with first. */
const pairBlocks = (pairs, section, threshold) =>
  pairs.map(({ row, other, cosine }) => ({
    kind: "pair", number: row.n, photos: other ? [other, row] : [row], row, cosine, threshold,
    section,
  }));

const FILES = {
  all: (model) => model.rows,
  keep: (model) => model.rows.filter((row) => row.action === "keep" && !row.failed),
  remove: (model) => model.rows.filter((row) => row.action === "remove" && !row.failed),
  leave: (model) => model.rows.filter((row) => row.action === "leave"),
  failed: (model) => model.rows.filter((row) => row.failed),
  unreadable: (model) => model.rows.filter((row) => row.action === "other" && !row.failed),
  companions: (model) => model.companions,
  videos: (model) => model.videos,
};

// A scene that a person has just made is seen among those of several photos, whatever its size.
const SCENES = {
  all: () => () => true,
  several: (firstNew) => ({ photos, number }) => photos.length > 1 || number >= firstNew,
  single: (firstNew) => ({ photos, number }) => photos.length === 1 && number < firstNew,
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
    filters: (model) => [...["several", "single"].filter((key) =>
      model.scenes.some(SCENES[key](model.firstNewScene))), "all"],
    select: ({ scenes, firstNewScene }, filter) =>
      scenes
        .filter(SCENES[filter](firstNewScene))
        .map((scene) => ({ kind: "scene", ...scene })),
  },
  borderline: {
    filters: ({ border }) => ["all", ...Object.keys(border).filter((key) => border[key].length)],
    select: (model, filter) => {
      const { duplicate_threshold: duplicate, scene_threshold: scene } = model.about;
      const { removed, kept, scenes } = model.border;
      const sections = {
        removed: pairBlocks(removed, "removed", duplicate),
        kept: pairBlocks(kept, "kept", duplicate),
        scenes: pairBlocks(scenes, "scenes", scene),
      };
      return filter === "all" ? Object.values(sections).flat() : sections[filter];
    },
  },
  files: {
    filters: (model) =>
      Object.keys(FILES).filter((key) => key === "all" || FILES[key](model).length > 0),
    select: (model, filter) => FILES[filter](model),
  },
};

/** Return the names of the views that there are. */
const viewsOf = ({ hasScenes }) =>
  Object.keys(VIEWS).filter((view) => view !== "scenes" || hasScenes);

/** Return what a view shows by a filter and the words that were searched for. */
function selected(model, view, filter, query) {
  const matches = contains(query);
  const found = VIEWS[view].select(model, filter);
  if (!query.length) return found;
  return found.filter((entry) => (entry.photos ? entry.photos.some(matches) : matches(entry)));
}

