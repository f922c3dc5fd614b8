/* The dialog of a review in which photos get another scene. */

const NEAR_SCENES = 24;

/** Choose the scene into which some photos go. */
class SceneDialog {
  constructor(review, photos) {
    this.review = review;
    this.photos = photos;
    this.sheet = byId("dialog");
  }

  open() {
    const { review } = this;
    this.number = element("input", {
      type: "text", inputmode: "numeric", autocomplete: "off", class: "number",
      "aria-label": t("scene.number"), "aria-describedby": "no-scene",
    });
    this.whyNot = element("p", { id: "no-scene", class: "warning", role: "alert" });
    const submit = (event) => {
      event.preventDefault();
      this.choose(this.number.value.trim());
    };
    this.cover = (scene) =>
      element("li", {}, element("button",
        { type: "button", class: "cover", onclick: () => this.move(scene.number) },
        thumbnail(review.page, scene.photos[0], 120, 90),
        element("span", { class: "small row" },
          visible(scene.photos[0].scene_name || "") || t("scene", { number: scene.number }))));
    sheetParts(
      this.sheet,
      t("scene.move"),
      element("form", { class: "row", onsubmit: submit }, this.number,
        element("button", { class: "primary" }, t("scene.move.go")),
        button({ text: t("scene.new"), onclick: () => this.move(null) })),
      this.whyNot,
      element("p", { class: "about" }, t("scene.near")),
      this.near = element("ul", { class: "near-scenes" }),
    );
    this.sheet.showModal();
    this.number.focus();
    this.showNearScenes();
  }

  async showNearScenes() {
    const { near } = this;
    near.replaceChildren(...(await this.nearScenes()).map(this.cover));
  }

  /** Take a number that was typed, if there is such a scene. */
  choose(text) {
    const scenes = new Set(this.review.model.photos.map(({ scene }) => scene));
    const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (scenes.has(number)) {
      this.move(number);
      return;
    }
    const last = Math.max(...scenes);
    this.whyNot.textContent = t(text ? "scene.none" : "scene.empty", { scene: text, last });
    this.number.setAttribute("aria-invalid", "true");
    this.number.select();
  }

  /** The scenes that are most like the first photo; those before and after where nobody knows. */
  async nearScenes() {
    const { scenes } = this.review.model;
    const [first] = this.photos;
    const answer = await fetch(`alike/${first.n}`).catch(() => null);
    const numbers = answer?.ok ? (await answer.json()).scenes : [];
    const known = new Map(scenes.map((scene) => [scene.number, scene]));
    const alike = numbers.filter((number) => known.has(number)).map((number) => known.get(number));
    if (alike.length) return alike;
    const here = scenes.findIndex(({ number }) => number === first.scene);
    const start = Math.max(0, here - NEAR_SCENES / 2);
    return scenes.slice(start, start + NEAR_SCENES + 1).filter((_, i) => start + i !== here);
  }

  /** Move the photos into a scene, or where that is null, into a new one. */
  move(scene) {
    const { review, photos } = this;
    this.sheet.close();
    if (scene === null) review.split(photos);
    else review.decideAbout(photos, () => review.moveToScene(photos, scene));
  }
}
