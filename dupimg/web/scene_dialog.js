/* The dialog of a review in which photos get another scene. */

const NEAR_SCENES = 24;

/** Choose the scene into which the selected photos go. */
class SceneDialog {
  constructor(review) {
    this.review = review;
    this.sheet = byId("dialog");
  }

  open() {
    const { review } = this;
    const number = element("input", {
      type: "number", min: 1, max: 999999, step: 1, required: true, "aria-label": t("scene.number"),
    });
    const submit = (event) => {
      event.preventDefault();
      this.move(Number(number.value));
    };
    const cover = (scene) =>
      element("li", {}, element("button",
        { type: "button", class: "cover", onclick: () => this.move(scene.number) },
        thumbnail(review.page, scene.photos[0], 120, 90),
        element("span", { class: "small row" }, t("scene", { number: scene.number }))));
    sheetParts(
      this.sheet,
      t("scene.move"),
      element("form", { class: "row", onsubmit: submit }, number,
        element("button", { class: "primary" }, t("scene.move.go"))),
      element("p", { class: "about" }, t("scene.near")),
      element("ul", { class: "near-scenes" }, ...this.nearScenes().map(cover)),
    );
    this.sheet.showModal();
  }

  /** The scenes before and after that of the first selected photo. */
  nearScenes() {
    const { scenes } = this.review.model;
    const [first] = this.review.selected();
    const here = scenes.findIndex(({ number }) => number === first.scene);
    const start = Math.max(0, here - NEAR_SCENES / 2);
    return scenes.slice(start, start + NEAR_SCENES + 1).filter((_, i) => start + i !== here);
  }

  move(scene) {
    this.sheet.close();
    this.review.withSelection((photos) => this.review.moveToScene(photos, scene));
  }
}
