/* Keys: everything can be done without a mouse. */

const KEYS = [
  [["←", "→", "↑", "↓"], "help.arrows"],
  [["J", "K"], "help.next"],
  [["Home", "End"], "help.ends"],
  [["Enter"], "help.enter"],
  [["S"], "help.side"],
  [["W"], "help.slider"],
  [["F"], "help.flicker"],
  [["Space"], "help.flip"],
  [["Z", "+", "−"], "help.zoom"],
  [["Esc"], "help.escape"],
  [["/"], "help.search"],
  [["?"], "help.help"],
];

/** Answer a key, unless it belongs to a field or a dialog. */
function answerKey(page, event) {
  if (event.altKey || byId("help").open || byId("dialog").open) return;
  if (event.target === byId("search") && event.key === "Enter") page.goTo(0);
  // The browser's own answer to the first Esc is to clear the field.
  if (event.key === "Escape" && event.target.value === "") event.target.blur();
  if (event.target.closest("input:not([type=checkbox]), select")) return;
  const answer = page.viewer.isOpen ? () => page.viewer.key(event) : () => listKey(page, event);
  const plain = !event.ctrlKey && !event.metaKey;
  if (page.review.key(event) || (plain && answer())) event.preventDefault();
}

/** Answer a key in a list of photos; return whether it meant something. */
function listKey(page, { key, target }) {
  const { items, place } = page;
  const anywhere = { "/": () => byId("search").focus(), "?": () => showHelp(page) };
  const moves = {
    ArrowLeft: () => place - 1,
    ArrowRight: () => place + 1,
    k: () => place - 1,
    j: () => place + 1,
    ArrowUp: () => verticalNeighbour(items, place, -1),
    ArrowDown: () => verticalNeighbour(items, place, 1),
    Home: () => 0,
    End: () => items.length - 1,
  };
  const modes = { Enter: null, s: "side", w: "slider", f: "flicker" };
  const inList = target.closest("#list li, #list .file");
  const toList = /^[jk]$/.test(key) || (/^Arrow(Left|Right)$/.test(key) && target === document.body);
  if (anywhere[key]) {
    anywhere[key]();
  } else if (!items.length) {
    return false;
  } else if (moves[key] && (inList || toList)) {
    page.goTo(inList ? moves[key]() : place);
  } else if (key in modes && (target.closest("[data-place]") || key !== "Enter")) {
    page.open(place, modes[key]);
  } else {
    return false;
  }
  return true;
}

/** Show which keys there are. */
function showHelp(page) {
  const marks = page.viewer.marks.possible ? [[["L"], "help.marks"]] : [];
  const keys = [...KEYS, ...marks, ...(page.review.active ? reviewKeys(page.model) : [])];
  const lines = keys.flatMap(([names, what]) => [
    element("dt", {}, ...names.map((name) => element("kbd", {}, name))),
    element("dd", {}, t(what)),
  ]);
  sheetParts(byId("help"), t("help"), element("dl", { class: "keys" }, ...lines));
  byId("help").showModal();
}
