/* The keys of a review: what can be decided without a mouse. */

const REVIEW_KEYS = [
  [["P"], "help.keep"],
  [["X"], "help.remove"],
  [["U"], "help.leave"],
  [["B"], "help.keeper"],
  [["D"], "help.apart"],
  [["M", "⇧M"], "help.select"],
  [["N"], "help.scene.new"],
  [["V"], "help.scene.move"],
  [["G"], "help.scene.merge"],
  [["R"], "help.reviewed"],
  [["E"], "help.next.undecided"],
  [["Ctrl Z"], "help.undo"],
  [["Ctrl ⇧ Z"], "help.redo"],
];

/** What is decided about the selected photos, or else about the current one. */
const KEYS_FOR_MANY = {
  p: (review, rows) => review.actOn(rows, "keep"),
  x: (review, rows) => review.actOn(rows, "remove"),
  u: (review, rows) => review.actOn(rows, "leave"),
  n: (review, rows) => review.split(rows),
  v: (review, rows) => review.chooseScene(rows),
};

/** What is about the current photo only. */
const KEYS_FOR_ONE = {
  b: (review, row) => review.makeKeeper(row),
  d: (review, row) => review.notDuplicate(row),
  m: (review, row, event) => review.select(row, event.shiftKey),
  g: (review, row) => review.mergeWithNext(row.scene),
  r: (review, row) => review.groups.markAndGoOn(row),
  e: (review) => review.groups.goOn(),
};

/** Return the keys of a review; those about scenes only where there are some. */
const reviewKeys = ({ hasScenes }) =>
  REVIEW_KEYS.filter(([, what]) => hasScenes || !what.startsWith("help.scene."));

// About scenes.
const SCENE_KEYS = ["n", "v", "g"];

/** Answer a key; return whether it meant something. */
function answerReviewKey(review, event) {
  const { page } = review;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) return answerUndo(review, key, event.shiftKey);
  if (key === "escape" && review.selection.size && !page.viewer.isOpen) {
    review.clearSelection();
    return true;
  }
  const row = page.items[page.place]?.row;
  if (!row || !(key in KEYS_FOR_MANY || key in KEYS_FOR_ONE)) return false;
  if (SCENE_KEYS.includes(key) && !page.model.hasScenes) return false;
  const selected = page.viewer.isOpen ? [] : review.selected();
  if (key in KEYS_FOR_ONE) KEYS_FOR_ONE[key](review, row, event);
  else KEYS_FOR_MANY[key](review, selected.length ? selected : [row]);
  return true;
}

function answerUndo(review, key, shift) {
  const back = key === "z" && !shift;
  const again = key === "y" || (key === "z" && shift);
  if (back) review.undo();
  if (again) review.redo();
  return back || again;
}
