/* The page: which view is shown, which photo is the current one, keys and choices. */

const byId = (id) => document.getElementById(id);

class Page {
  constructor(data) {
    this.model = new Model(data);
    this.addresses = addresses(this.model);
    this.items = [];
    this.place = 0;
    this.query = [];
    this.order = "time";
    this.review = this.model.about.review ? new Review(this, data) : LOOK_ONLY;
    this.lines = new Lines(byId("list"), (line) => lineElement(this, line));
    this.viewer = new Viewer(this);
    this.listen();
    this.translate();
    this.follow();
  }

  listen() {
    addEventListener("hashchange", () => this.follow());
    addEventListener("keydown", (event) => this.key(event));
    // Not every browser focuses a button that is clicked.
    for (const type of ["focusin", "pointerdown"]) {
      byId("list").addEventListener(type, (event) => this.notice(event.target));
    }
    byId("search").addEventListener("input", () => this.search());
    byId("theme").addEventListener("click", () => this.switchTheme());
    byId("language").addEventListener("click", () => this.switchLanguage());
    byId("help-button").addEventListener("click", () => this.help());
    let width = byId("list").clientWidth;
    new ResizeObserver(() => {
      if (byId("list").clientWidth === width) return;
      width = byId("list").clientWidth;
      this.layOut();
    }).observe(byId("list"));
  }

  /** Show the view that the address names: view, filter, and the number of a block. */
  follow() {
    const [view, filter, number] = decodeURIComponent(location.hash.slice(1)).split("/");
    this.view = view in VIEWS ? view : "summary";
    const filters = VIEWS[this.view].filters(this.model);
    this.filter = filters.includes(filter) ? filter : filters[0];
    this.place = 0;
    this.show();
    scrollTo({ top: 0 });
    this.goToBlock(Number(number));
  }

  show() {
    const { view, filter } = this;
    document.title = t("title", { view: t(view), folder: visible(this.folderName()) });
    byId("view-title").textContent = t(view);
    byId("summary").hidden = view !== "summary";
    byId("summary").replaceChildren();
    if (view === "summary") byId("summary").append(...summaryElements(this).filter(Boolean));
    this.found = selected(this.model, view, filter, this.query);
    if (view === "duplicates") this.found.sort(ORDERS[this.order]);
    byId("view-about").textContent = t(`${view}.about`, { count: this.found.length });
    const nothing = view !== "summary" && !this.found.length;
    byId("nothing").textContent = nothing ? t(this.query.length ? "nothing.found" : `nothing.${view}`) : "";
    this.showTabs();
    this.showFilters();
    this.layOut();
  }

  folderName() {
    return this.model.about.input_dir.split(/[/\\]/).filter(Boolean).at(-1) ?? "";
  }

  showTabs() {
    const tab = (view) => {
      const [filter] = VIEWS[view].filters(this.model);
      const count = selected(this.model, view, filter, this.query).length;
      return element("a", { href: `#${view}`, "aria-current": view === this.view ? "page" : null },
        t(view), view === "summary" ? null : element("span", { class: "tally" }, formatNumber(count)));
    };
    byId("tabs").replaceChildren(...Object.keys(VIEWS).map(tab));
  }

  showFilters() {
    const { view } = this;
    const filters = VIEWS[view].filters(this.model);
    const chip = (filter) => {
      const count = selected(this.model, view, filter, this.query).length;
      return element("a",
        { class: "chip", href: `#${view}/${filter}`, "aria-current": filter === this.filter ? "true" : null },
        t(`filter.${view}.${filter}`), element("span", { class: "tally" }, formatNumber(count)));
    };
    byId("filters").replaceChildren(...filters.map(chip), ...(view === "duplicates" ? [this.orderChoice()] : []));
  }

  orderChoice() {
    const options = Object.keys(ORDERS).map((order) =>
      element("option", { value: order, selected: order === this.order }, t(`order.${order}`)));
    const choice = element("select", { "aria-label": t("order"), onchange: () => {
      this.order = choice.value;
      this.show();
    } }, ...options);
    return choice;
  }

  /** Take in data that are fetched anew. */
  take(data) {
    this.model = new Model(data);
    this.addresses = addresses(this.model);
    this.refresh();
  }

  /** Show what was decided: the same photo stays the current one, on the same spot. */
  refresh() {
    const old = this.items[this.place];
    const focus = document.activeElement?.closest("#list [data-place], #list [data-key]");
    const key = focus?.dataset.key;
    const top = old ? this.lines.topOf(old.line) : 0;
    this.steady = true;
    this.show();
    this.steady = false;
    const place = old ? this.items.findIndex(({ row, block }) => row.n === old.row.n && block === old.block) : -1;
    if (place >= 0) {
      this.setPlace(place);
      scrollBy({ top: this.lines.topOf(this.items[place].line) - top });
    }
    if (focus) this.focusPlace(key);
    if (this.viewer.isOpen) this.viewer.show();
  }

  /** Lay the lines out anew, with the current photo where it was if it was in view. */
  layOut() {
    const list = byId("list");
    const lines = linesOf(this.view, this.found, list.clientWidth, this.review.active);
    this.items = itemsOf(lines);
    this.place = Math.min(this.place, Math.max(0, this.items.length - 1));
    if (this.view === "files") list.setAttribute("role", "list");
    else list.removeAttribute("role");
    this.lines.show(lines);
  }

  /** Scroll to the block of a number, and make its first photo the current one. */
  goToBlock(number) {
    const place = this.items.findIndex(({ row }) => row.scene === number);
    if (number && place >= 0) this.goTo(place);
  }

  /** Make a photo the current one, in view and, unless told otherwise, focused. */
  goTo(place, { focus = true } = {}) {
    if (!this.items[place]) return;
    this.setPlace(place);
    this.lines.reveal(this.items[place].line, document.querySelector(".bar").getBoundingClientRect().bottom);
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
    const control = key && photo?.closest("li, .file").querySelector(`[data-key="${key}"]`);
    (control || photo)?.focus({ preventScroll: true });
  }

  /** Tell the reader something; it goes away after a while. */
  say(sentence) {
    byId("message").textContent = sentence;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (byId("message").textContent = ""), 10_000);
  }

  open(place, mode = null) {
    this.goTo(place, { focus: false });
    this.viewer.open(mode);
  }

  key(event) {
    if (event.altKey || event.target.closest("input, select, textarea")) return;
    if (byId("help").open || byId("dialog").open) return;
    const done =
      this.review.key(event) ||
      (!event.ctrlKey && !event.metaKey && (this.viewer.isOpen ? this.viewer.key(event) : this.listKey(event)));
    if (done) event.preventDefault();
  }

  listKey(event) {
    const onPhoto = event.target.closest("[data-place]");
    const { items, place } = this;
    const anywhere = { "/": () => byId("search").focus(), "?": () => this.help() };
    const moves = {
      ArrowLeft: () => place - 1, ArrowRight: () => place + 1, k: () => place - 1, j: () => place + 1,
      ArrowUp: () => verticalNeighbour(items, place, -1),
      ArrowDown: () => verticalNeighbour(items, place, 1),
      Home: () => 0, End: () => items.length - 1,
    };
    const opens = { Enter: null, s: "side", f: "flicker" };
    const { key } = event;
    if (anywhere[key]) {
      anywhere[key]();
    } else if (!items.length || this.view === "summary") {
      return false;
    } else if (moves[key] && (onPhoto || key === "j" || key === "k")) {
      this.goTo(onPhoto ? moves[key]() : place);
    } else if (key in opens && (onPhoto || key !== "Enter")) {
      this.open(place, opens[key]);
    } else {
      return false;
    }
    return true;
  }

  search() {
    this.query = byId("search").value.normalize("NFC").toLowerCase().split(/\s+/).filter(Boolean);
    this.place = 0;
    if (this.view === "summary" && this.query.length) location.hash = "#files";
    else this.show();
  }

  switchTheme() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
    setTheme(now === "dark" ? "light" : "dark");
  }

  switchLanguage() {
    const next = words.language === "en" ? "zh-CN" : "en";
    remember("language", next);
    setLanguage(next);
    this.translate();
    this.show();
  }

  /** Put the words of the language into the fixed parts of the page. */
  translate() {
    for (const part of document.querySelectorAll("[data-text]")) part.textContent = t(part.dataset.text);
    for (const part of document.querySelectorAll("[data-label]")) {
      part.setAttribute("aria-label", t(part.dataset.label));
      if (part.matches("button")) part.title = t(part.dataset.label);
    }
    for (const part of document.querySelectorAll("[data-placeholder]")) {
      part.placeholder = t(part.dataset.placeholder);
    }
    const other = words.language === "en" ? { lang: "zh-CN", name: "中文" } : { lang: "en", name: "English" };
    byId("language").textContent = other.name;
    byId("language").lang = other.lang;
    byId("folder").textContent = visible(this.folderName());
    byId("folder").title = visible(this.model.about.input_dir);
  }

  help() {
    const sheet = byId("help");
    const line = ([keys, what]) => [element("dt", {}, ...keys.map((key) => element("kbd", {}, key))), element("dd", {}, t(what))];
    sheet.replaceChildren(
      element("div", { class: "sheet-head" }, element("h2", {}, t("help")),
        button({ label: t("close"), name: "close", class: "quiet", onclick: () => sheet.close() })),
      element("dl", { class: "keys" }, ...[...KEYS, ...(this.review.active ? REVIEW_KEYS : [])].flatMap(line)),
    );
    sheet.showModal();
  }
}

const KEYS = [
  [["←", "→", "↑", "↓"], "help.arrows"],
  [["J", "K"], "help.next"],
  [["Home", "End"], "help.ends"],
  [["Enter"], "help.enter"],
  [["S"], "help.side"],
  [["F"], "help.flicker"],
  [["Space"], "help.flip"],
  [["Esc"], "help.escape"],
  [["/"], "help.search"],
  [["?"], "help.help"],
];

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  remember("theme", theme);
}

async function readData() {
  return JSON.parse(byId("data").textContent) ?? (await fetch("data")).json();
}

setLanguage(chosenLanguage());
if (["light", "dark"].includes(remembered("theme"))) setTheme(remembered("theme"));
readData().then((data) => new Page(data));
