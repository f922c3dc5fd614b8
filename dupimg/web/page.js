/* The page: which view is shown, by which filter, and which photo is the current one. */

class Page {
  constructor(data) {
    this.model = new Model(data);
    this.addresses = addresses(this.model);
    this.items = [];
    this.place = 0;
    this.query = [];
    this.order = "time";
    this.unfolded = new Set();
    this.review = this.model.about.review ? new Review(this, data) : LOOK_ONLY;
    this.lines = new Lines(byId("list"), (line) => lineElement(this, line));
    this.viewer = new Viewer(this);
    this.listen();
    translate(this);
    this.follow();
  }

  listen() {
    addEventListener("hashchange", () => this.follow());
    addEventListener("keydown", (event) => answerKey(this, event));
    // Not every browser focuses a button that is clicked.
    for (const type of ["focusin", "pointerdown"]) {
      byId("list").addEventListener(type, (event) => this.notice(event.target));
    }
    byId("search").addEventListener("input", () => this.search());
    byId("theme").addEventListener("click", switchTheme);
    byId("language").addEventListener("click", () => switchLanguage(this));
    byId("help-button").addEventListener("click", () => showHelp(this));
    let width = byId("list").clientWidth;
    new ResizeObserver(() => {
      if (byId("list").clientWidth === width) return;
      width = byId("list").clientWidth;
      this.layOut();
    }).observe(byId("list"));
  }

  /** Show the view that the address names: view, filter, and the number of a scene. */
  follow() {
    const [view, filter, number] = location.hash.slice(1).replaceAll("%20", " ").split("/");
    this.view = viewsOf(this.model).includes(view) ? view : "summary";
    const filters = VIEWS[this.view].filters(this.model);
    this.filter = filters.includes(filter) ? filter : filters[0];
    this.place = 0;
    this.show();
    scrollTo({ top: 0 });
    if (number) this.land(this.items.findIndex(({ of }) => of?.number === Number(number)));
  }

  /** Make a photo the current one, the title of its group or scene right below the bar. */
  land(place) {
    if (!this.items[place]) return;
    this.setPlace(place);
    const { height } = document.querySelector(".bar").getBoundingClientRect();
    const { top } = document.querySelector(".bar").style;
    this.lines.reveal(this.items[place].line, height + (parseFloat(top) || 0), true);
    this.setPlace(place);
    this.focusPlace();
  }

  show() {
    const { view } = this;
    this.found = selected(this.model, view, this.filter, this.query);
    if (view === "duplicates") this.found.sort(ORDERS[this.order]);
    this.showHeading();
    byId("summary").hidden = view !== "summary";
    byId("summary").replaceChildren(
      ...(view === "summary" ? summaryElements(this).filter(Boolean) : []),
    );
    replaceKeepingFocus(byId("tabs"), this.tabs());
    replaceKeepingFocus(byId("filters"), this.filters());
    const tools = this.review.viewTools(view);
    byId("view-tools").hidden = !tools.length;
    replaceKeepingFocus(byId("view-tools"), tools);
    this.layOut();
  }

  showHeading() {
    const { view, found } = this;
    document.title = t("title", { view: t(view), folder: this.folder });
    byId("view-title").textContent = t(view);
    byId("view-about").textContent = t(`${view}.about`, { count: found.length });
    const nothing = this.query.length ? "nothing.found" : `nothing.${view}`;
    byId("nothing").textContent = found.length || view === "summary" ? "" : t(nothing);
  }

  /** The names of the input folders. */
  get folder() {
    const name = (folder) => folder.split(/[/\\]/).filter(Boolean).at(-1) ?? "";
    return visible(Object.values(this.model.about.inputs).map(name).join(", "));
  }

  tabs() {
    return viewsOf(this.model).map((view) => {
      const [filter] = VIEWS[view].filters(this.model);
      const current = view === this.view ? "page" : null;
      // As many as the summary counts, whatever filter comes first.
      const all = VIEWS[view].filters(this.model).includes("all") ? "all" : filter;
      const tally = view === "summary" ? null : this.tally(view, all);
      return element("a", { href: `#${view}`, "aria-current": current }, t(view), tally);
    });
  }

  filters() {
    const { view } = this;
    const chips = VIEWS[view].filters(this.model).map((filter) => {
      const current = filter === this.filter ? "true" : null;
      return element("a", { class: "chip", href: `#${view}/${filter}`, "aria-current": current },
        t(`filter.${view}.${filter}`), this.tally(view, filter));
    });
    return view === "duplicates" ? [...chips, this.orderChoice()] : chips;
  }

  tally(view, filter) {
    const count = selected(this.model, view, filter, this.query).length;
    return element("span", { class: "tally" }, formatNumber(count));
  }

  orderChoice() {
    const options = Object.keys(ORDERS).map((order) =>
      element("option", { value: order, selected: order === this.order }, t(`order.${order}`)));
    const change = (event) => {
      this.order = event.target.value;
      this.show();
    };
    return element("select", { "aria-label": t("order"), onchange: change }, ...options);
  }

  search() {
    this.query = searchWords(byId("search").value);
    this.place = 0;
    if (this.view === "summary" && this.query.length) location.hash = "#files";
    else this.show();
  }

  /** Lay the lines out anew. */
  layOut() {
    const list = byId("list");
    const lines = linesOf(this, list.clientWidth);
    this.items = itemsOf(lines);
    this.place = Math.min(this.place, Math.max(0, this.items.length - 1));
    if (this.view === "files") list.setAttribute("role", "list");
    else list.removeAttribute("role");
    this.lines.show(lines);
  }

  /** Take in data that are fetched anew. */
  take(data) {
    this.model = new Model(data);
    this.addresses = addresses(this.model);
    this.refresh();
  }

  /** Show what was decided: the same photo stays the current one, on the same spot.
   *
   * Where photos are shown more than once, the one in the same block; in the view of scenes each is
   * shown once, and may get another block. */
  refresh() {
    const old = this.items[this.place];
    const focus = document.activeElement?.closest("#list [data-place], #list [data-key]");
    const top = old ? this.lines.topOf(old.line) : 0;
    this.steady = true;
    this.show();
    this.steady = false;
    const place = this.items.findIndex(({ row, block }) =>
      row.n === old?.row.n && (block === old.block || this.view === "scenes"));
    if (place >= 0) {
      this.setPlace(place);
      scrollBy({ top: this.lines.topOf(this.items[place].line) - top });
      this.lines.update();
    }
    if (focus) this.focusPlace(focus.dataset.key);
    if (!this.viewer.isOpen) return;
    if (this.items.length) this.viewer.show();
    else this.viewer.dialog.close();
  }

  /** Make a photo the current one, in view and, unless told otherwise, focused. */
  goTo(place, { focus = true } = {}) {
    if (!this.items[place]) return;
    this.setPlace(place);
    const bar = document.querySelector(".bar").getBoundingClientRect();
    this.lines.reveal(this.items[place].line, bar.bottom);
    this.setPlace(place);
    if (focus) this.focusPlace();
  }

  /** Make the photo that something belongs to the current one. */
  notice(target) {
    const photo = target.closest("li, .file")?.querySelector("[data-place]");
    if (photo) this.setPlace(Number(photo.dataset.place));
  }

  /** Let the Tab key stop at one photo only. */
  setPlace(place) {
    const old = this.button(this.place);
    if (old) old.tabIndex = -1;
    this.place = place;
    const current = this.button(place);
    if (current) current.tabIndex = 0;
  }

  button(place) {
    return byId("list").querySelector(`[data-place="${place}"]`);
  }

  /** Focus the current photo, or one of the controls beside it. */
  focusPlace(key) {
    const photo = this.button(this.place);
    const control = key && photo?.closest("li, .file").querySelector(`[data-key="${key}"]:enabled`);
    (control || photo)?.focus({ preventScroll: true });
  }

  open(place, mode = null) {
    this.goTo(place, { focus: false });
    this.viewer.open(mode);
  }

  /** Tell the reader something; it goes away after a while, if it ever does. */
  say(sentence, milliseconds = MESSAGE_MILLISECONDS, undo = null) {
    const back = undo && button({ text: t("undo"), class: "toast-undo", onclick: undo });
    byId("message").replaceChildren(...(sentence ? [element("span", {}, sentence)] : []));
    if (back) byId("message").append(back);
    clearTimeout(this.saying);
    if (milliseconds === Infinity) return;
    this.saying = setTimeout(() => byId("message").replaceChildren(), milliseconds);
  }
}

const MESSAGE_MILLISECONDS = 10_000;
