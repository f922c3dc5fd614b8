/* The dialog of a review in which the plan is carried out. */

const MODES = ["copy", "move", "hard_link", "reflink"];
const PROGRESS_MILLISECONDS = 300;

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
    this.check();
  }

  showChanges({ changes, consequences, counts, bytes, folder, space, free }) {
    Object.assign(this, { space, free });
    const modes = MODES.map((mode, i) =>
      element("label", { class: "mode" },
        element("input", { type: "radio", name: "mode", value: mode, checked: i === 0,
          onchange: () => this.check() }),
        element("span", {}, element("strong", {}, t(`mode.${mode}`)),
          element("span", { class: "about" }, t(`mode.${mode}.about`)))));
    this.findings = element("div", { id: "findings", class: "findings", role: "status" });
    this.go = button({ text: t("apply"), class: "primary", "aria-describedby": "findings",
      onclick: () => this.start() });
    this.room = element("p", { class: "about numbers" });
    sheetParts(
      this.sheet,
      t("apply.title"),
      element("p", { class: "target" }, element("span", { class: "about" }, t("apply.target")), " ",
        element("strong", { dir: "auto" }, visible(folder))),
      element("p", { class: "numbers" }, countsInWords(counts, bytes)),
      element("fieldset", {}, element("legend", {}, t("apply.mode")), ...modes),
      this.room,
      this.findings,
      foldedList("apply.changes", changes) ??
        element("p", { class: "about" }, t("apply.none")),
      foldedList("apply.consequences", consequences),
      element("div", { class: "row actions" },
        button({ text: t("cancel"), onclick: () => this.sheet.close() }), this.go),
    );
  }

  /** Say how much room the chosen mode takes, and how much there is. */
  showRoom() {
    const needed = this.space[this.mode];
    const free = formatBytes(this.free);
    if (needed === undefined) this.room.textContent = "";
    else if (!needed) this.room.textContent = t("apply.space.none");
    else this.room.textContent = t("apply.space", { needed: formatBytes(needed), free });
  }

  get mode() {
    return this.sheet.querySelector("input:checked").value;
  }

  /** Ask what stands in the way of the chosen mode; until that is known, nothing is begun. */
  async check() {
    const { mode, findings } = this;
    this.go.disabled = true;
    this.showRoom();
    findings.replaceChildren(element("p", { class: "about" }, t("apply.checking")));
    const got = await this.ask("check");
    // Meanwhile the dialog may have been closed, or another mode chosen.
    if (!got || !findings.isConnected || this.mode !== mode) return;
    const { problems = [], message } = got.answer;
    const found = message ? [message] : problems;
    this.go.disabled = found.length > 0;
    findings.replaceChildren(...(found.length
      ? [
          element("h3", {}, t("apply.problems", { count: found.length })),
          lineList(found),
        ]
      : [element("p", { class: "about" }, t("apply.ready"))]));
  }

  /** Ask the server something about the plan in a mode; nothing where it is another plan by now. */
  async ask(path) {
    try {
      const response = await post(path, { stamp: this.review.saving.stamp, mode: this.mode });
      const answer = await response.json();
      if (response.ok || response.status === 422) return { ok: response.ok, answer };
      this.sheet.close();
      this.review.applying = false;
      this.review.conflict(answer);
    } catch {
      this.sheet.close();
      this.review.lost([]);
    }
    return null;
  }

  async start() {
    this.go.disabled = true;
    this.review.applying = true; // the answer may be lost while files are on their way
    const got = await this.ask("apply");
    if (!got) return;
    if (got.ok) {
      this.follow("apply.running");
    } else {
      this.review.applying = false;
      this.check(); // which says why
    }
  }

  /** Show how far it is until it is over, or until nobody can tell. */
  async follow(title, files = []) {
    const bar = element("progress", { max: 1, "aria-label": t(title) });
    const about = element("p", { class: "about numbers", role: "status" });
    sheetParts(this.sheet, t(title), bar, about);
    for (;;) {
      const progress = await fetch("progress").then((answer) => answer.json()).catch(() => null);
      if (!progress) return this.finish({ state: "failed", errors: [] }, []);
      if (progress.total) {
        bar.max = progress.total;
        bar.value = progress.done;
        about.textContent = t("apply.progress", { done: progress.done, count: progress.total });
      }
      if (progress.state !== "running") return this.finish(progress, files);
      await new Promise((wake) => setTimeout(wake, PROGRESS_MILLISECONDS));
    }
  }

  /** Say what came of it: done, refused with nothing touched, or failed on the way. */
  finish({ state, outcome, errors }, files) {
    const { review } = this;
    review.carriedOut = state === "done";
    review.outcome = outcome;
    const back = state === "done" && !errors.length ? files : [];
    review.broughtBack = review.carriedOut ? new Set([...review.broughtBack, ...back]) : new Set();
    review.saving.over = state === "done" || (review.saving.over && state !== "taken back");
    review.applying = state === "failed";
    if (state === "done") review.page.refresh();
    if (state === "taken back") review.reload("");
    review.show();
    const why = errors.map(say).join("\n  ");
    const told = why ? element("pre", { tabindex: 0 }, ...inLanguages(why)) : null;
    if (state === "done" && !files.length) {
      this.showResult(told);
      return;
    }
    const about = { done: "apply.brought.about", failed: "apply.interrupted.about",
      "taken back": "apply.taken back.about" }[state];
    const single = back.length ? "apply.brought" : "apply.not_brought";
    sheetParts(
      this.sheet,
      state === "done" ? t(single, { count: back.length }) : t(`apply.${state}`),
      told,
      about ? element("p", { class: "about" }, t(about, review.commands)) : null,
      state === "done" ? this.afterFiles() : null,
    );
  }

  /** Show what came out, and what can be done with it. */
  showResult(told = null) {
    const { outcome, model } = this.review;
    sheetParts(
      this.sheet,
      t("apply.done"),
      outcomeList(outcome, model.hasScenes),
      told,
      element("p", { class: "about" }, t("apply.close")),
      this.afterwards(),
    );
    if (!this.sheet.open) this.sheet.showModal();
  }

  /** Make what can be done once single files are back; not the undo of the whole run. */
  afterFiles() {
    return element("div", { class: "row actions" },
      button({ text: t("apply.result"), onclick: () => this.showResult() }),
      button({ text: t("apply.more_files"), class: "primary", onclick: () => this.chooseFiles() }));
  }

  /** Make what can be done with a result: look at it, or take it back. */
  afterwards() {
    const show = (what) => async () => {
      const answer = await post("show_result", { what }).catch(() => null);
      if (!answer?.ok) this.review.page.say(answer ? reasonOf(await answer.json()) : t("review.lost", this.review.commands));
    };
    return element("div", { class: "row actions" },
      button({ text: t("apply.undo"), name: "undo", onclick: () => this.takeBack() }),
      button({ text: t("apply.single"), onclick: () => this.chooseFiles() }),
      button({ text: t("apply.open.report"), onclick: show("report") }),
      button({ text: t("apply.open.folder"), class: "primary", onclick: show("folder") }));
  }

  /** Take everything back, or only some files. */
  async takeBack(files = []) {
    const answer = await post("take_back", { files }).catch(() => null);
    if (answer?.ok) await this.follow(files.length ? "apply.bringing" : "apply.undoing", files);
    else this.review.lost([]);
  }

  /** Let the person select files that shall go back. */
  chooseFiles() {
    this.sheet.close();
    location.hash = "#files";
    this.review.page.refresh();
  }

  /** Bring selected files back, and say so in the dialog. */
  async bringBack(rows) {
    this.sheet.showModal();
    await this.takeBack(rows.map(({ path }) => path));
    this.review.clearSelection(); // and show what is back
  }
}
