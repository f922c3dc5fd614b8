/* The dialogs of a review: into which scene, and carrying the plan out. */

const NEAR_SCENES = 24;
const LINES_SHOWN = 500;
const MODES = ["copy", "move", "hard_link", "reflink"];
const PROGRESS_MILLISECONDS = 300;

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

/** Show what would be carried out, carry it out, and show how that goes. */
class ApplyDialog {
  constructor(review) {
    this.review = review;
    this.sheet = byId("dialog");
  }

  async open() {
    const { state } = this.review.saving;
    const response = state === "saved" ? await fetch("changes").catch(() => null) : null;
    if (!response?.ok) {
      this.review.page.say(response ? reasonOf(await response.json()) : t("apply.unsaved"));
      return;
    }
    this.showChanges(await response.json());
    this.sheet.showModal();
  }

  showChanges({ lines, problems, counts, bytes }) {
    const sayProblem = (problem) => reasonOf({ problems: [problem] });
    const modes = MODES.map((mode, i) =>
      element("label", { class: "mode" },
        element("input", { type: "radio", name: "mode", value: mode, checked: i === 0 }),
        element("span", {}, element("strong", {}, t(`mode.${mode}`)),
          element("span", { class: "about" }, t(`mode.${mode}.about`)))));
    const go = () => this.start(this.sheet.querySelector("input:checked").value);
    sheetParts(
      this.sheet,
      t("apply.title"),
      element("p", {}, t("apply.counts", { ...counts, bytes: formatBytes(bytes) })),
      problems.length ? element("h3", {}, t("apply.problems", { count: problems.length })) : null,
      problems.length ? lineList(problems, sayProblem) : null,
      element("h3", {}, t(lines.length ? "apply.changes" : "apply.none", { count: lines.length })),
      lines.length ? lineList(lines, (line) => told("change", line)) : null,
      element("fieldset", {}, element("legend", {}, t("apply.mode")), ...modes),
      element("div", { class: "row actions" },
        button({ text: t("cancel"), onclick: () => this.sheet.close() }),
        button({ text: t("apply"), class: "primary", disabled: problems.length > 0, onclick: go })),
    );
  }

  async start(mode) {
    let response, answer;
    try {
      response = await post("apply", { stamp: this.review.saving.stamp, mode });
      answer = await response.json();
    } catch {
      this.sheet.close();
      this.review.lost([]);
      return;
    }
    if (response.ok) {
      this.follow();
      return;
    }
    this.sheet.close();
    if (response.status === 422) this.review.refused(answer);
    else this.review.conflict(answer);
  }

  /** Show how far it is until it is over. */
  async follow() {
    const bar = element("progress", { max: 1, value: 0, "aria-label": t("apply.running") });
    const about = element("p", { class: "about numbers", role: "status" });
    sheetParts(this.sheet, t("apply.running"), bar, about);
    for (;;) {
      const progress = await fetch("progress").then((answer) => answer.json()).catch(() => null);
      if (!progress) {
        const { command } = this.review;
        return this.finish({ state: "failed", error: t("review.lost", { command }) });
      }
      bar.max = progress.total || 1;
      bar.value = progress.done;
      about.textContent = t("apply.progress", { done: progress.done, count: progress.total });
      if (progress.state !== "running") return this.finish(progress);
      await new Promise((wake) => setTimeout(wake, PROGRESS_MILLISECONDS));
    }
  }

  finish({ state, summary, error }) {
    const done = state === "done";
    if (done) {
      this.review.saving.over = true;
      this.review.page.refresh();
    }
    this.review.show();
    const why = () => error.split("\n").map((line) =>
      line.replace(/\S.*/, (sentence) => told("problem", sentence))).join("\n");
    sheetParts(
      this.sheet,
      t(done ? "apply.done" : "apply.failed"),
      element("pre", { tabindex: 0 }, done ? summary.join("\n") : why()),
      done ? element("p", { class: "about" }, t("apply.close")) : null,
    );
  }
}

/** Show lines that may be many: what `say` makes of the first ones, and how many more there are. */
function lineList(lines, say) {
  const more = lines.length - LINES_SHOWN;
  return element(
    "ul",
    { class: "lines", tabindex: 0 },
    ...lines.slice(0, LINES_SHOWN).map((line) => element("li", { dir: "auto" }, visible(say(line)))),
    more > 0 ? element("li", { class: "about" }, t("lines.more", { count: more })) : null,
  );
}
