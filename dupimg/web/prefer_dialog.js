/* The dialogs of a review for a rule about folders, and for the name of a scene. */

/** Choose the folder whose photos stay. */
class PreferDialog {
  constructor(groups) {
    this.groups = groups;
    this.sheet = byId("dialog");
  }

  open() {
    const choice = ([folder, chosen]) =>
      element("li", {}, button({ class: "folder-choice", onclick: () => this.choose(folder) },
        element("strong", { dir: "auto" }, visible(folder) || t("folder.top")),
        element("span", { class: "about numbers" }, t("prefer.count", { count: chosen.length }))));
    sheetParts(
      this.sheet,
      t("prefer.title"),
      element("p", { class: "about" }, t("prefer.about", { count: this.groups.shown.length })),
      element("ul", { class: "folder-choices" }, ...this.groups.folders().map(choice)),
    );
    this.sheet.showModal();
  }

  choose(folder) {
    this.sheet.close();
    this.groups.preferFolder(folder);
  }
}

/** Give a scene a name. */
class NameDialog {
  constructor(review, { number, photos }) {
    Object.assign(this, { review, number, photos });
    this.sheet = byId("dialog");
  }

  open() {
    const { review, photos, number } = this;
    const name = element("input", {
      type: "text", autocomplete: "off", maxlength: 100, class: "number",
      value: photos[0].scene_name ?? "", "aria-label": t("scene.name"),
    });
    const submit = (event) => {
      event.preventDefault();
      this.sheet.close();
      const scene_name = name.value.trim();
      const rows = review.model.photos.filter((row) => row.scene === number);
      review.decide(rows.map(({ path }) => ({ path, scene_name })), "name");
    };
    sheetParts(
      this.sheet,
      t("scene.name.title", { number }),
      element("form", { class: "row", onsubmit: submit }, name,
        element("button", { class: "primary" }, t("save"))),
      element("p", { class: "about" }, t("scene.name.about")),
    );
    this.sheet.showModal();
    name.select();
  }
}
