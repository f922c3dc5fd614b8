/* The dialog in which a folder of this machine is chosen. */

class FolderDialog {
  constructor(title, { start = "", choose = t("folder.choose") } = {}) {
    Object.assign(this, { title, start, choose, sheet: byId("dialog") });
  }

  /** Return the path of the folder that was chosen, or nothing. */
  async open() {
    this.chosen = null;
    const { places } = await ask("home");
    this.places = places;
    const first = this.start || places[0]?.path || "";
    this.list = element("ul", { class: "folder-list", "aria-label": t("folder.list") });
    this.about = element("p", { class: "about numbers", role: "status" });
    this.crumbs = element("nav", { class: "crumbs", "aria-label": t("folder.where") });
    this.take = button({ text: this.choose, class: "primary", onclick: () => {
      this.chosen = this.shown.folder;
      this.sheet.close();
    } });
    sheetParts(this.sheet, this.title,
      element("div", { class: "browser" }, this.placeList(),
        element("div", { class: "inside" }, this.crumbs, this.list)),
      element("div", { class: "row actions" }, this.about,
        button({ text: t("cancel"), onclick: () => this.sheet.close() }), this.take));
    this.sheet.classList.add("wide");
    if (!this.sheet.open) this.sheet.showModal();
    await this.enter(first, false);
    return new Promise((done) => {
      this.sheet.addEventListener("close", () => {
        this.sheet.classList.remove("wide");
        done(this.chosen);
      }, { once: true });
    });
  }

  placeList() {
    return element("ul", { class: "places", "aria-label": t("folder.places") },
      ...this.places.map(({ kind, path }) => element("li", {},
        button({ name: kind === "disk" ? "disk" : "folder", class: "quiet", label: visible(path),
          text: kind === "disk" ? visible(splitPath(path)[1]) : t(`place.${kind}`),
          onclick: () => this.enter(path) }))));
  }

  async enter(path, keepFocus = true) {
    const shown = await trying(() => ask("folder", { path }));
    if (!shown) return;
    this.shown = shown;
    const crumbs = [...shown.parents.slice(-3), { name: shown.name, path: shown.folder }];
    this.crumbs.replaceChildren(...crumbs.map(({ name, path: to }, i) =>
      button({ class: "quiet", text: visible(name), "aria-current": i === crumbs.length - 1 ? "true" : null,
        onclick: () => this.enter(to) })));
    this.list.replaceChildren(...shown.folders.map(({ name, path: to }) => element("li", {},
      button({ class: "quiet", name: "folder", text: visible(name), label: visible(name),
        onclick: () => this.enter(to) }))));
    if (!shown.folders.length) {
      this.list.replaceChildren(element("li", { class: "about" }, t("folder.none")));
    }
    this.about.textContent = t(shown.photos ? "folder.photos" : "folder.no_photos", { count: shown.photos });
    this.list.scrollTop = 0;
    if (keepFocus) (this.list.querySelector("button") ?? this.take).focus();
  }
}
