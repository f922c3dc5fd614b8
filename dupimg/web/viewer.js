/* The large view: one photo, or two: side by side, with a slider between them, or in turn. */

const FLICKER_MILLISECONDS = 500;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

class Viewer {
  constructor(page) {
    this.page = page;
    this.dialog = document.getElementById("viewer");
    this.chosen = null;
    this.showsOther = false;
    this.divider = 0.5;
    this.zoom = new Zoom(() => this.moved(), () => this.mode === "flicker" && this.flip());
    this.marks = new Marks(page.addresses);
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
    const { of } = this.page.items[this.page.place];
    if (of?.kind === "pair") return of.photos.find((row) => row !== this.row);
    const { model, view } = this.page;
    const inScene = view === "scenes" && model.byPath.get(this.row.nearest_in_scene);
    return inScene || model.counterpart(this.row);
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
    this.zoom.draw();
    this.dialog.focus();
  }

  choose(mode) {
    this.chosen = this.mode === mode ? "single" : mode;
    this.show();
  }

  closed() {
    this.stop();
    this.zoom.take([]);
    document.body.append(byId("message"));
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
    if (this.shownRow !== this.row) this.zoom.reset();
    this.shownRow = this.row;
    this.place = this.page.place;
    const focused = document.activeElement?.dataset?.key;
    this.showsOther = false;
    const { row, other, mode } = this;
    const shown = mode === "single" ? [row] : [other, row];
    const decisions = this.page.review.viewerControls(row);
    this.status = element("p", { class: "marks-about about", role: "status" });
    this.dialog.replaceChildren(
      this.head(),
      element("div", { class: "viewer-body" }, this.stage(), this.status,
        factsTable(this.page.model, shown, shown.map((each) => this.roleOf(each)))),
      ...decisions,
      // A modal dialog lies above all else.
      byId("message"),
    );
    this.zoom.take(this.pictures);
    if (mode === "flicker" && !calm.matches) this.play();
    this.showMarks();
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
    this.zoomButton = button({ text: "", class: "quiet numbers zoom", "data-key": "zoom",
      onclick: () => this.zoom.toggle() });
    return element(
      "div",
      { class: "viewer-head" },
      element("div", { class: "names" },
        element("h2", { class: "name", dir: "auto" }, ...nameParts(name)),
        element("p", { class: "small", dir: "auto" }, visible(folder) || t("folder.top"))),
      element("div", { class: "row viewer-modes" },
        element("div", { class: "segmented", role: "group", "aria-label": t("viewer.mode") },
          modeButton("single", "Enter"), modeButton("side", "S"), modeButton("slider", "W"),
          modeButton("flicker", "F")),
        this.zoomButton, this.marksButton()),
      element("div", { class: "row viewer-places" }, arrow("previous", -1),
        element("span", { class: "small numbers" },
          t("viewer.place", { place: page.place + 1, count: page.items.length })),
        arrow("next", 1),
        button({ label: t("close"), name: "close", class: "quiet", "data-key": "close",
          onclick: () => this.dialog.close() })),
    );
  }

  marksButton() {
    if (!this.marks.possible || !this.other || this.row.video || this.other.video) return null;
    return button({
      name: "details", text: t("viewer.matches"), label: `${t("viewer.marks")} · ${t("key", { key: "L" })}`, class: "quiet",
      "data-key": "marks", "aria-pressed": String(this.marks.shown),
      onclick: () => this.toggleMarks(),
    });
  }

  stage() {
    const { row, other, mode } = this;
    const figures = mode === "single" ? [this.figure(row)] : [this.figure(other), this.figure(row)];
    this.pictures = figures.map(({ picture }) => picture).filter(Boolean);
    const stage = element("div", { class: `stage ${mode}` }, ...figures.map(({ figure }) => figure));
    if (mode === "flicker") {
      figures[0].figure.classList.add("behind");
      this.toggle = button({
        text: t("viewer.play"), name: "play", class: "play", "data-key": "play",
        onclick: () => (this.timer ? this.stop() : this.play()),
      });
      stage.append(this.toggle);
    }
    if (mode === "slider") stage.append(...this.slider());
    const drawing = svg("svg", { class: "marks", "aria-hidden": "true" });
    stage.append(drawing);
    this.marks.take(drawing, this.pictures, (sentence) => (this.status.textContent = sentence));
    return stage;
  }

  /** Make what moves the line between two pictures on one spot. */
  slider() {
    const range = element("input", {
      type: "range", min: 0, max: 100, value: 100 * this.divider, class: "divider-range",
      "aria-label": t("viewer.divider"), "data-key": "divider",
      oninput: () => this.divide(range.value / 100),
    });
    this.line = element("div", { class: "divider" });
    const drag = (event) => {
      if (!event.buttons) return;
      const { left, width } = this.line.parentElement.getBoundingClientRect();
      const inner = parseFloat(getComputedStyle(this.line.parentElement).paddingLeft);
      this.divide((event.clientX - left - inner) / (width - 2 * inner));
      range.value = 100 * this.divider;
    };
    this.line.addEventListener("pointerdown", (event) => {
      this.line.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    this.line.addEventListener("pointermove", drag);
    return [this.line, range];
  }

  divide(share) {
    this.divider = Math.min(1, Math.max(0, share));
    this.moved();
  }

  /** Make a photo with what is below it, and what the zoom needs of it. */
  figure(row) {
    if (row.video) return { figure: this.film(row) };
    return pictureOf(this.page, row, this.caption(row), () => this.zoom.draw());
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
      element("span", { class: "name", dir: "auto" }, ...nameParts(splitPath(row.path).name)), link);
  }

  roleOf(row) {
    if (row === this.row) return t("viewer.this");
    return row.path === this.row.keeper ? t("keeper") : t("viewer.nearest");
  }

  /** Show how large the pixels are, and move what lies over the pictures with them. */
  moved() {
    const { mode, zoom } = this;
    if (!zoom.pictures.length) return;
    const percent = formatNumber(Math.round(100 * zoom.share));
    const key = zoom.scale > 1.001 ? "viewer.fit" : "viewer.pixels";
    this.zoomButton.lastChild.textContent = t("percent", { percent });
    this.zoomButton.title = `${t(key)} · ${t("key", { key: "Z" })}`;
    this.zoomButton.setAttribute("aria-label", `${t("percent", { percent })}, ${t(key)}`);
    if (mode === "slider" && this.line) {
      const [first] = this.dialog.querySelectorAll(".slider figure");
      first.style.setProperty("--shown", `${100 * this.divider}%`);
      this.line.parentElement.style.setProperty("--divider", this.divider);
    }
    this.marks.draw();
  }

  toggleMarks() {
    if (!this.marks.possible || !this.other) return;
    this.marks.shown = !this.marks.shown;
    if (this.marks.shown && this.mode === "single") this.chosen = "side";
    this.show();
  }

  showMarks() {
    this.marks.clear();
    if (this.marks.shown && this.pictures.length === 2) this.marks.load(this.other, this.row);
  }

  /** Show the other photo of two on the same spot, and back. */
  flip() {
    this.showsOther = !this.showsOther;
    const [other, own] = this.dialog.querySelectorAll(".flicker figure");
    other?.classList.toggle("behind", !this.showsOther);
    own?.classList.toggle("behind", this.showsOther);
    this.marks.draw();
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

  /** Answer a key; return whether it meant something. */
  key(event) {
    const { zoom } = this;
    const actions = {
      ArrowLeft: () => (event.shiftKey ? zoom.panBy(-1, 0) : this.step(-1)),
      ArrowRight: () => (event.shiftKey ? zoom.panBy(1, 0) : this.step(1)),
      ArrowUp: () => zoom.panBy(0, -1) || this.step(-1),
      ArrowDown: () => zoom.panBy(0, 1) || this.step(1),
      k: () => this.step(-1), j: () => this.step(1),
      s: () => this.choose("side"), w: () => this.choose("slider"),
      f: () => this.choose("flicker"), l: () => this.toggleMarks(),
      z: () => zoom.toggle(), "+": () => zoom.step(1), "=": () => zoom.step(1),
      "-": () => zoom.step(-1), 0: () => zoom.zoomTo(1), 1: () => zoom.zoomTo(zoom.whole),
      " ": () => this.mode === "flicker" && this.flip(),
    };
    const onButton = event.target.closest("button, a, .facts");
    if (onButton && [" ", "ArrowUp", "ArrowDown"].includes(event.key)) return false;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || (!this.pictures.length && /^[z+=\-01]$/.test(event.key))) return false;
    action();
    return true;
  }
}
