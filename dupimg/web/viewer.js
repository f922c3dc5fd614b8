/* The large view: one photo, two side by side, or two in turn on the same spot. */

const FLICKER_MILLISECONDS = 500;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

class Viewer {
  constructor(page) {
    this.page = page;
    this.dialog = document.getElementById("viewer");
    this.chosen = null;
    this.showsOther = false;
    this.dialog.addEventListener("close", () => this.closed());
  }

  get isOpen() {
    return this.dialog.open;
  }

  get row() {
    return this.page.items[this.page.place].row;
  }

  /** The photo beside it: in a pair the other one, else its keeper or the one most like it. */
  get other() {
    return this.page.model.counterpart(this.row);
  }

  /** How photos are shown: as chosen, else side by side what a decision is about. */
  get mode() {
    if (!this.other) return "single";
    const decided = this.row.keeper || this.page.view === "borderline";
    return this.chosen ?? (decided ? "side" : "single");
  }

  open(mode = null) {
    this.chosen = mode;
    this.show();
    if (!this.isOpen) this.dialog.showModal();
    this.dialog.focus();
  }

  choose(mode) {
    this.chosen = this.mode === mode ? "single" : mode;
    this.show();
  }

  closed() {
    this.stop();
    this.dialog.replaceChildren();
    // The browser has given the focus back to the photo that was opened first.
    this.page.goTo(this.place);
  }

  step(change) {
    const place = this.page.place + change;
    if (!this.page.items[place]) return;
    this.page.goTo(place, { focus: false });
    this.show();
  }

  show() {
    this.stop();
    this.place = this.page.place;
    const focused = document.activeElement?.dataset?.key;
    this.showsOther = false;
    this.dialog.replaceChildren(
      this.head(), this.stage(), this.numbers(), ...this.page.review.viewerControls(this.row),
    );
    if (this.mode === "flicker" && !calm.matches) this.play();
    this.dialog.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  head() {
    const { page, mode } = this;
    const { folder, name } = splitPath(this.row.path);
    const modeButton = (key, shortcut) =>
      button({
        text: t(`viewer.${key}`), label: t("key", { key: shortcut }), class: "quiet",
        "data-key": key, "aria-pressed": String(mode === key),
        disabled: key !== "single" && !this.other,
        onclick: () => (key === "single" ? this.open("single") : this.choose(key)),
      });
    const arrow = (key, change) =>
      button({
        label: t(`viewer.${key}`), name: key, class: "quiet", "data-key": key,
        disabled: !page.items[page.place + change], onclick: () => this.step(change),
      });
    return element(
      "div",
      { class: "viewer-head" },
      element("div", { class: "names" },
        element("h2", { class: "name", dir: "auto" }, visible(name)),
        element("p", { class: "small", dir: "auto" }, visible(folder) || t("folder.top"))),
      element("div", { class: "segmented", role: "group", "aria-label": t("viewer.mode") },
        modeButton("single", "Enter"), modeButton("side", "S"), modeButton("flicker", "F")),
      element("div", { class: "row" }, arrow("previous", -1),
        element("span", { class: "small numbers" },
          t("viewer.place", { place: page.place + 1, count: page.items.length })),
        arrow("next", 1),
        button({ label: t("close"), name: "close", class: "quiet", "data-key": "close",
          onclick: () => this.dialog.close() })),
    );
  }

  stage() {
    const { row, other, mode } = this;
    if (mode === "single") return element("div", { class: "stage" }, this.figure(row));
    const figures = [this.figure(other), this.figure(row)];
    if (mode === "side") return element("div", { class: "stage side" }, ...figures);
    figures[0].classList.add("behind");
    const toggle = button({
      text: t("viewer.play"), name: "play", class: "play", "data-key": "play",
      onclick: () => (this.timer ? this.stop() : this.play()),
    });
    this.toggle = toggle;
    return element("div", { class: "stage flicker", onclick: (event) => {
      if (!toggle.contains(event.target)) this.flip();
    } }, ...figures, toggle);
  }

  figure(row) {
    const { addresses } = this.page;
    if (row.video) return this.film(row);
    const image = element("img", { alt: describe(this.page, row), decoding: "async" });
    const fallback = () => {
      image.onerror = () => image.replaceWith(element("p", { class: "nothing" }, t("viewer.none")));
      image.src = addresses.thumb(row);
    };
    image.onerror = fallback;
    if (addresses.shown(row)) image.src = addresses.photo(row);
    else fallback();
    return element("figure", {}, image, this.caption(row));
  }

  /** Show a video, if the browser can play it. */
  film(row) {
    const film = element("video", {
      src: this.page.addresses.photo(row), controls: true, preload: "metadata",
      "aria-label": describe(this.page, row),
    });
    film.onerror = () =>
      film.replaceWith(element("p", { class: "nothing" }, t("viewer.no_film")));
    return element("figure", {}, film, this.caption(row));
  }

  caption(row) {
    const link = element("a",
      { href: this.page.addresses.photo(row), target: "_blank", rel: "noopener" },
      t("viewer.file"));
    return element("figcaption", { class: "row" }, badge(this.page, row),
      element("span", { class: "name", dir: "auto" }, visible(splitPath(row.path).name)), link);
  }

  /** Show the other photo of two on the same spot, and back. */
  flip() {
    this.showsOther = !this.showsOther;
    const [other, own] = this.dialog.querySelectorAll(".flicker figure");
    other?.classList.toggle("behind", !this.showsOther);
    own?.classList.toggle("behind", this.showsOther);
  }

  play() {
    this.timer = setInterval(() => this.flip(), FLICKER_MILLISECONDS);
    this.toggle.replaceChildren(icon("pause"), element("span", {}, t("viewer.pause")));
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.toggle?.replaceChildren(icon("play"), element("span", {}, t("viewer.play")));
  }

  /** What the rows say of both photos; what differs stands out. */
  numbers() {
    const shown = this.mode === "single" ? [this.row] : [this.other, this.row];
    const lines = NUMBERS.map(([key, read]) => [key, shown.map(read)]);
    const cells = (key, values) => {
      const differs = new Set(values).size > 1 ? "differs" : "";
      return values.map((value) =>
        element("td", { class: `${key} ${differs}`, title: value }, value || "–"));
    };
    const filled = lines.filter(([, values]) => values.some(Boolean));
    const table = [
      [element("td"), ...shown.map((row) => element("th", { scope: "col" }, this.roleOf(row)))],
      ...filled.map(([key, values]) =>
        [element("th", { scope: "row" }, t(`number.${key}`)), ...cells(key, values)]),
    ];
    return element(
      "div",
      { class: "numbers-table", tabindex: 0, role: "region", "aria-label": t("viewer.numbers") },
      element("table", {}, ...(wide.matches ? transposed(table) : table)
        .map((row) => element("tr", {}, ...row))),
    );
  }

  roleOf(row) {
    if (row === this.row) return t("viewer.this");
    return row.path === this.row.keeper ? t("keeper") : t("viewer.nearest");
  }

  /** Answer a key; return whether it meant something. */
  key(event) {
    const actions = {
      ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1),
      ArrowUp: () => this.step(-1), ArrowDown: () => this.step(1),
      k: () => this.step(-1), j: () => this.step(1),
      s: () => this.choose("side"), f: () => this.choose("flicker"),
      " ": () => this.mode === "flicker" && this.flip(),
    };
    const onButton = event.target.closest("button, a, .numbers-table");
    if (onButton && [" ", "ArrowUp", "ArrowDown"].includes(event.key)) return false;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    action?.();
    return Boolean(action);
  }
}

/** Swap the rows and columns of a table, so that on a wide screen it leaves room for photos. */
function transposed(table) {
  for (const heading of table.flat().filter((cell) => cell.scope)) {
    heading.scope = heading.scope === "row" ? "col" : "row";
  }
  return table[0].map((_, column) => table.map((row) => row[column]));
}

const cosineOr = (value) => (value === null ? "" : formatCosine(value));
const momentFrom = (row) => [formatMoment(row), t(`source.${row.taken_from}`)].join(" · ");

// What the table of a photo shows: the key of the name, and how to read it from a row.
const NUMBERS = [
  ["cosine", (row) => cosineOr(row.cosine_to_keeper)],
  ["nearest", (row) => cosineOr(row.nearest_cosine)],
  ["nearest-scene", (row) => cosineOr(row.nearest_scene_cosine)],
  ["correlation", (row) => cosineOr(row.thumb_correlation)],
  ["verdict", (row) => (row.verdict ? t(`verdict.${row.verdict}`) : "")],
  ["pixels", (row) => (row.width ? `${formatPixels(row)} (${formatMegapixels(row)})` : "")],
  ["bytes", (row) => formatBytes(row.bytes)],
  ["taken", (row) => (row.taken_from ? momentFrom(row) : "")],
  ["folder", (row) => visible(splitPath(row.path).folder) || t("folder.top")],
  ["scene", (row) => (row.scene === null ? "" : formatNumber(row.scene))],
  ["why", formatWhy],
];
