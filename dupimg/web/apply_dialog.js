/* The dialog of a review in which the plan is carried out. */

const LINES_SHOWN = 500;
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

  showChanges({ changes, consequences, counts, bytes }) {
    const modes = MODES.map((mode, i) =>
      element("label", { class: "mode" },
        element("input", { type: "radio", name: "mode", value: mode, checked: i === 0,
          onchange: () => this.check() }),
        element("span", {}, element("strong", {}, t(`mode.${mode}`)),
          element("span", { class: "about" }, t(`mode.${mode}.about`)))));
    this.findings = element("div", { id: "findings", class: "findings", role: "status" });
    this.go = button({ text: t("apply"), class: "primary", "aria-describedby": "findings",
      onclick: () => this.start() });
    sheetParts(
      this.sheet,
      t("apply.title"),
      element("p", {}, t("apply.counts", { ...counts, bytes: formatBytes(bytes) })),
      element("h3", {}, t(changes.length ? "apply.changes" : "apply.none", { count: changes.length })),
      changeList(changes),
      consequences.length
        ? element("h3", {}, t("apply.consequences", { count: consequences.length })) : null,
      changeList(consequences),
      element("fieldset", {}, element("legend", {}, t("apply.mode")), ...modes),
      this.findings,
      element("div", { class: "row actions" },
        button({ text: t("cancel"), onclick: () => this.sheet.close() }), this.go),
    );
  }

  get mode() {
    return this.sheet.querySelector("input:checked").value;
  }

  /** Ask what stands in the way of the chosen mode; until that is known, nothing is begun. */
  async check() {
    const { mode, findings } = this;
    this.go.disabled = true;
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
      this.follow();
    } else {
      this.review.applying = false;
      this.check(); // which says why
    }
  }

  /** Show how far it is until it is over, or until nobody can tell. */
  async follow() {
    const bar = element("progress", { max: 1, value: 0, "aria-label": t("apply.running") });
    const about = element("p", { class: "about numbers", role: "status" });
    sheetParts(this.sheet, t("apply.running"), bar, about);
    for (;;) {
      const progress = await fetch("progress").then((answer) => answer.json()).catch(() => null);
      if (!progress) return this.finish({ state: "failed", errors: [] });
      bar.max = progress.total || 1;
      bar.value = progress.done;
      about.textContent = t("apply.progress", { done: progress.done, count: progress.total });
      if (progress.state !== "running") return this.finish(progress);
      await new Promise((wake) => setTimeout(wake, PROGRESS_MILLISECONDS));
    }
  }

  /** Say what came of it: done, refused with nothing touched, or failed on the way. */
  finish({ state, outcome, errors }) {
    const { review } = this;
    review.saving.over ||= state === "done";
    review.applying = state === "failed";
    if (state === "done") review.page.refresh();
    review.show();
    const why = errors.map(say).join("\n  ");
    const about = { done: "apply.close", failed: "apply.interrupted.about" }[state];
    sheetParts(
      this.sheet,
      t(`apply.${state}`),
      outcome ? outcomeList(outcome) : null,
      why ? element("pre", { tabindex: 0 }, ...inLanguages(why)) : null,
      about ? element("p", { class: "about" }, t(about, review.commands)) : null,
    );
  }
}

/** List what became of the files, as the summary of the command does. */
function outcomeList({ report, scenes, freed, ...counts }) {
  const about = {
    keep: t("summary.scenes", { count: scenes }),
    remove: t("summary.freed.done", { bytes: formatBytes(freed) }),
    other: t("summary.other.about"),
    leave: t("summary.leave.about", { count: counts.leave }),
    failed: t("summary.failed.about", { count: counts.failed }),
  };
  const always = ["found", "keep", "remove", "other"];
  const shown = [...always, ...["leave", "failed"].filter((key) => counts[key])];
  const entries = shown.map((key) =>
    [t(`summary.${key}.done`), formatNumber(counts[key]), about[key] ?? ""]);
  return element("dl", { class: "outcome" },
    ...entries.flatMap(([name, count, more]) => [
      element("dt", {}, name),
      element("dd", {}, element("strong", { class: "numbers" }, count), " ",
        element("span", { class: "about" }, more)),
    ]),
    element("dt", {}, t("apply.report")), element("dd", { dir: "auto" }, visible(report)));
}

function changeList(changes) {
  return changes.length ? lineList(changes) : null;
}

/** Show messages that may be many: the first ones, and how many more there are. */
function lineList(messages) {
  const more = messages.length - LINES_SHOWN;
  return element(
    "ul",
    { class: "lines", tabindex: 0 },
    ...messages.slice(0, LINES_SHOWN).map((message) =>
      element("li", { dir: "auto" }, ...inLanguages(say(message)))),
    more > 0 ? element("li", { class: "about" }, t("lines.more", { count: more })) : null,
  );
}
