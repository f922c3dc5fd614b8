/* What is worth a look: the closest calls of the rule that was used. */

const BORDER = 0.02;

// Under the rules that ask for proof, what was removed in spite of a difference; the least sure
// first. Whole copies come after these where their thumbnails agree little.
const CLOSE_VERDICTS = ["same scene", "near duplicate", "edited copy", "cropped copy", "copy"];
const COPIES = ["copy", "cropped copy", "edited copy"];
const LEAST_CORRELATION = 0.95;

const isNear = (cosine, threshold) =>
  cosine !== null && Math.abs(cosine - threshold) <= BORDER + 1e-9;

const byDistance = (cosine, threshold) => (a, b) =>
  Math.abs(cosine(a) - threshold) - Math.abs(cosine(b) - threshold) || a.n - b.n;

/** Return the pairs that were decided narrowly: `{row, other, cosine}`, closest calls first.
 *
 * Where proof decides, that is what differs, and what is spared for want of proof; else it is how
 * far the cosine is from the threshold. */
function borderline(model) {
  const { scene_threshold: scene } = model.about;
  const { removed, kept } =
    model.about.rule === "cosine" ? closeCosines(model) : closeProofs(model);
  const likest = (row) => model.sceneCosine(row);
  const scenes = model.photos.filter((row) =>
    model.hasScenes && !row.keeper && isNear(likest(row), scene));
  scenes.sort(byDistance(likest, scene));
  const other = (row) =>
    model.byPath.get(model.sceneCosines ? row.nearest_in_scene : row.compared_with);
  const edge = (row) => ({ row, other: other(row), cosine: likest(row) });
  return { removed, kept, scenes: once(scenes.map(edge)) };
}

/** Leave out a pair that was there before. */
function once(pairs) {
  const seen = new Set();
  return pairs.filter(({ row, other }) => {
    const key = other ? [row.n, other.n].sort().join(" ") : `${row.n}`;
    return !seen.has(key) && seen.add(key);
  });
}

function closeCosines(model) {
  const { duplicate_threshold: threshold } = model.about;
  const toKeeper = (row) => row.cosine_to_keeper;
  const nearest = (row) => row.nearest_cosine;
  const removed = model.photos.filter((row) => isNear(toKeeper(row), threshold));
  // The duplicates of a keeper are listed themselves.
  const alone = (row) => !row.keeper && !row.copies && isNear(nearest(row), threshold);
  const kept = model.photos.filter(alone);
  removed.sort(byDistance(toKeeper, threshold));
  kept.sort(byDistance(nearest, threshold));
  const pair = (cosine) => (row) => ({ row, other: model.counterpart(row), cosine: cosine(row) });
  return { removed: removed.map(pair(toKeeper)), kept: once(kept.map(pair(nearest))) };
}

function closeProofs(model) {
  const { duplicate_threshold: threshold, rule } = model.about;
  const rank = ({ verdict }) => CLOSE_VERDICTS.indexOf(verdict);
  const isClose = (row) =>
    rank(row) >= 0 &&
    (row.verdict !== "copy" ||
      (row.thumb_correlation ?? 1) < LEAST_CORRELATION ||
      (rule === "careful" && isNear(row.cosine_to_keeper, threshold)));
  const removed = model.photos.filter((row) => row.keeper && isClose(row));
  removed.sort((a, b) =>
    rank(a) - rank(b) || (a.thumb_correlation ?? 1) - (b.thumb_correlation ?? 1) || a.n - b.n);
  const isSpared = (row) =>
    !row.keeper && (sparedFor(row) || (COPIES.includes(row.verdict) && !row.copies));
  const kept = model.photos.filter((row) => row.action !== "remove" && isSpared(row));
  kept.sort((a, b) => (b.nearest_cosine ?? 0) - (a.nearest_cosine ?? 0) || a.n - b.n);
  const pair = (cosine) => (row) => {
    const other = model.counterpart(row);
    // That of the nearest photo says nothing about another one.
    const isOfPair = row.keeper || row.compared_with === other?.path;
    return { row, other, cosine: isOfPair ? row[cosine] : null };
  };
  return {
    removed: removed.map(pair("cosine_to_keeper")), kept: once(kept.map(pair("nearest_cosine"))),
  };
}

/** Return the reason for which a photo stays although it looks like another, if there is one. */
const sparedReason = ({ reason }) =>
  partsOf(reason).find(([code]) => code.startsWith("reason.spared_"));

const sparedFor = (row) => sparedReason(row)?.[1].photo ?? "";
