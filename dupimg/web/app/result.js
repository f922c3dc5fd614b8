/* An output folder: where things stand, what came out, and what can be done next. */

const BUSY_MILLISECONDS = 1000;

/** Return where things stand in a folder: as its own notes say, whatever the app has begun. */
function standing({ state, at_work: atWork, resume, runs }) {
  const isLook = ["looking", "empty"].includes(state);
  if (atWork && (isLook || ["applying", "undoing"].includes(state))) return "busy";
  const cut = ["stopped", "killed"].includes(runs.at(-1)?.state);
  return cut && (isLook || (resume && state !== "applied")) ? "interrupted" : state;
}

const newsOf = ({ state, at_work: atWork, history, counts }) =>
  JSON.stringify([state, atWork, history, counts]);

/** Show what others have done in the folder that is shown, such as its review. */
let refreshResult = () => {};

class ResultView {
  constructor(result) {
    this.result = result;
    this.folder = result.folder;
  }

  show() {
    const { result } = this;
    const { counts } = result;
    const state = standing(result);
    const title = t(`result.${state}`);
    showView(title, element("section", { class: "result" },
      element("div", { class: "result-head" },
        link("#/", { class: "back" }, icon("back"), t("home")),
        "heading", pathText(this.folder), element("p", { class: "about" }, t(`result.${state}.about`))),
      counts && !["interrupted", "busy"].includes(state) ? this.tallies(counts) : null,
      element("div", { class: "row next" }, ...this.primary(state)),
      this.notes(), this.duplicates(), this.scenes(),
      element("section", { class: "more" }, element("h3", {}, t("result.more")), element("ul", {}, ...this.others(state))),
      this.history()));
    const head = byId("main").querySelector(".result-head");
    refreshResult = () => head.isConnected && !document.hidden && !byId("dialog").open
      && trying(() => resultView(new URLSearchParams({ folder: this.folder }), newsOf(result)));
    if (state === "busy") setTimeout(refreshResult, BUSY_MILLISECONDS);
    [...head.childNodes].find((node) => node.nodeType === Node.TEXT_NODE).replaceWith(byId("heading"));
  }

  notes() {
    // The label is for the terminal.
    const bare = ([code, values]) => (code === "note.labelled" ? values.note : [code, values]);
    const lines = (this.result.notes ?? []).map((line) => element("p", {}, ...inLanguages(say(bare(line)))));
    return lines.length ? element("div", { class: "notes about" }, ...lines) : null;
  }

  tallies(counts) {
    const shown = [["kept", counts.kept], ["removed", counts.removed]];
    if (this.result.only !== "duplicates") shown.push(["scenes", counts.scenes]);
    for (const name of ["other", "left", "failed"]) if (counts[name]) shown.push([name, counts[name]]);
    const freed = counts.bytes_freed ? formatBytes(counts.bytes_freed) : "";
    const done = this.result.state === "applied" ? "done" : "planned";
    return element("dl", { class: "tallies" }, ...shown.map(([name, count]) => element("div", { class: name },
      element("dt", {}, t(`tally.${name}.${done}`)),
      element("dd", {}, element("strong", {}, formatNumber(count)),
        name === "removed" && freed ? element("span", { class: "small" }, freed) : null))));
  }

  primary(state) {
    const review = button({ text: t("review"), class: "primary big", onclick: () => this.openReview() });
    const apply = button({ text: t("apply"), class: "big", onclick: () => this.apply() });
    const resume = button({ text: t("resume"), name: "play", class: "primary big", onclick: () => this.resume() });
    const report = link(`report/${this.result.name}/report.html`, { class: "button primary big", target: "_blank" }, t("report"));
    const open = button({ text: t("open"), name: "folder", class: "big",
      onclick: () => trying(() => send("show_folder", { folder: this.folder })) });
    const undo = button({ text: t("undo.all"), name: "undo", class: "big", onclick: () => this.undo() });
    return {
      planned: [review, apply], undone: this.result.counts ? [review, apply] : [],
      applied: [this.result.has_report ? report : null, open, undo].filter(Boolean),
      applying: [resume, undo], undoing: [resume], interrupted: [resume], looking: [resume],
    }[state] ?? [];
  }

  others(state) {
    const { result } = this;
    const item = (name, symbol, action) => element("li", {}, button({ class: "quiet line", name: symbol, onclick: action },
      element("span", {}, element("strong", {}, t(name)), element("span", { class: "about" }, t(`${name}.about`)))));
    const offers = [];
    if (state === "applied") {
      offers.push(item("add", "add", () => this.add()), item("undo.single", "single", () =>
        go(`#/files?folder=${encodeURIComponent(this.folder)}`)));
      if (result.counts?.removed > result.counts?.trashed) offers.push(item("trash", "trash", () => this.trash()));
    } else {
      offers.push(item("open", "folder", () => trying(() => send("show_folder", { folder: this.folder }))));
    }
    const input = result.input_dirs?.[0] ?? result.runs.find((run) => run.input_dirs.length)?.input_dirs[0];
    if (input) offers.push(item("again", "again", () => go(`#/new?input=${encodeURIComponent([input].flat()[0])}`)));
    return offers;
  }

  duplicates() {
    const { duplicates } = this.result;
    if (!duplicates?.length || this.result.state === "undone") return null;
    return element("section", {}, element("h3", {}, t("result.duplicates")),
      element("ul", { class: "groups" }, ...duplicates.map((group) => element("li", { class: "group" },
        element("div", { class: "strip" },
          element("figure", { class: "keeper" }, thumb(this.folder, group.keeper), element("figcaption", {}, t("keeper"))),
          ...group.removed.slice(0, 3).map((photo) => element("figure", { class: "gone" }, thumb(this.folder, photo))),
          group.count > 3 ? element("span", { class: "rest numbers" }, `+${formatNumber(group.count - 3)}`) : null)))));
  }

  scenes() {
    const { scenes } = this.result;
    if (!scenes?.length || this.result.state === "undone") return null;
    return element("section", {}, element("h3", {}, t("result.scenes")),
      element("ul", { class: "groups" }, ...scenes.map((scene) => element("li", { class: "group" },
        element("div", { class: "strip" }, ...scene.photos.slice(0, 4).map((photo) => thumb(this.folder, photo)),
          scene.count > 4 ? element("span", { class: "rest numbers" }, `+${formatNumber(scene.count - 4)}`) : null),
        scene.name ? element("p", { class: "small", dir: "auto" }, visible(scene.name)) : null))));
  }

  history() {
    const { history } = this.result;
    if (!history.length) return null;
    return element("section", { class: "history" }, element("h3", {}, t("history")),
      element("ol", {}, ...history.toReversed().map((run) => element("li", {},
        element("span", {}, [t(`verb.${run.kind}`), run.files ? t("files.count", { count: run.files }) : ""]
          .filter(Boolean).join(" · ")),
        badge(run.state),
        element("time", { class: "small" }, run.started ? relative(run.started) : ""),
        run.command ? commandPart(async () => run.command) : null))));
  }

  async begin(path, body) {
    const begun = await trying(() => send(path, body));
    if (begun) go(`#/run?id=${begun.id}`);
  }

  verb(verb, values) {
    return this.begin("start_verb", { verb, values });
  }

  resume() {
    return this.begin("resume", { folder: this.folder });
  }

  async openReview() {
    toast(t("review.opening"));
    const begun = await trying(() => send("room", { folder: this.folder }));
    for (let i = 0; begun && i < 120; i += 1) {
      const run = await askPatiently("run", { id: begun.id });
      if (run.address) {
        location.href = run.address;
        return;
      }
      if (ENDED.includes(run.state)) {
        toast(run.error.length ? run.error.map(say).join("\n") : run.told);
        return;
      }
      await new Promise((wake) => setTimeout(wake, 250));
    }
  }

  async apply() {
    const { space, counts, runs } = this.result;
    const values = runs.findLast((run) => run.verb === "plan")?.values ?? {};
    const only = this.result.only === "duplicates";
    let mode = only ? "move" : values.mode ?? "copy";
    const about = element("p", { class: "about" });
    const fill = () => {
      const needed = mode === "copy" ? space.needed : space.across;
      about.textContent = needed
        ? t("apply.space", { needed: formatBytes(needed), free: formatBytes(space.free) }) : t("apply.rename");
    };
    const radio = (value) => element("label", { class: "choice small-choice" },
      element("input", { type: "radio", name: "apply-mode", value, checked: mode === value,
        onchange: () => { mode = value; fill(); } }),
      element("span", {}, element("strong", {}, t(`mode.${value}`)), element("span", { class: "about" }, t(`mode.${value}.about`))));
    fill();
    const lines = [t("apply.counts", counts), element("p", {}, pathText(this.folder)),
      only ? null : element("div", { class: "choices" }, radio("copy"), radio("move")), about].filter(Boolean);
    if (await confirmBox(t("apply.title"), lines, t("apply"))) {
      await this.verb("apply", { plan: this.folder, process_mode: mode });
    }
  }

  async undo() {
    const about = t(this.result.is_addition ? "undo.addition" : "undo.about");
    if (await confirmBox(t("undo.title"), [about], t("undo.all"))) {
      await this.verb("undo", { output_dir: this.folder });
    }
  }

  async add() {
    const folder = await trying(() => new FolderDialog(t("add.choose")).open());
    if (!folder) return;
    const mode = this.result.mode === "move" ? "move" : "copy";
    if (await confirmBox(t("add"), [element("p", {}, pathText(folder)), t(`add.${mode}`)], t("add"))) {
      await this.verb("add", { new_dir: [folder], output_dir: this.folder, process_mode: mode });
    }
  }

  async trash() {
    const { counts } = this.result;
    const lines = [t("trash.counts", { count: counts.removed - counts.trashed, bytes: formatBytes(counts.bytes_freed) })];
    if (await confirmBox(t("trash"), lines, t("trash"))) await this.verb("trash", { output_dir: this.folder });
  }
}

/** Show a result, unless that is what was `seen` before. */
async function resultView(query, seen = "") {
  const result = await ask("result", { folder: query.get("folder") });
  const going = result.runs.find((run) => !ENDED.includes(run.state) && run.verb !== "tune");
  if (going) location.replace(`#/run?id=${going.id}`);
  else if (newsOf(result) !== seen) new ResultView(result).show();
  else if (standing(result) === "busy") setTimeout(refreshResult, BUSY_MILLISECONDS);
}

/* Single files that go back to where they were. */

class FilesView {
  constructor(folder) {
    this.folder = folder;
    this.chosen = new Set();
  }

  show() {
    this.list = element("ul", { class: "file-list" });
    this.about = element("p", { class: "about numbers", role: "status" });
    this.take = button({ class: "primary big", text: t("files.none"), disabled: true, onclick: () => this.bringBack() });
    const search = element("input", { type: "search", "aria-label": t("search"), placeholder: t("search"), oninput: (event) => this.fill(event.target.value) });
    showView(t("undo.single"), element("section", { class: "files" },
      link(resultHash(this.folder), { class: "back" }, icon("back"), t("files.back")), "heading",
      element("p", { class: "about" }, t("files.about")),
      search, this.about, this.list, element("div", { class: "go sticky" }, this.take)));
    const section = byId("main").querySelector(".files");
    section.childNodes[1].replaceWith(byId("heading"));
    return this.fill("");
  }

  async fill(search) {
    const found = await trying(() => ask("files", { folder: this.folder, search }));
    if (!found) return;
    this.about.textContent = t("files.count", { count: found.count });
    this.list.replaceChildren(...found.files.map((file) => element("li", {}, element("label", { class: "file" },
      element("input", { type: "checkbox", checked: this.chosen.has(file.path), onchange: (event) => {
        if (event.target.checked) this.chosen.add(file.path);
        else this.chosen.delete(file.path);
        this.count();
      } }),
      thumb(this.folder, file), pathText(file.path), element("span", { class: "small" }, t(`files.${file.action}`))))));
  }

  count() {
    this.take.disabled = !this.chosen.size;
    const words_ = this.chosen.size ? t("files.take", { count: this.chosen.size }) : t("files.none");
    this.take.querySelector("span").textContent = words_;
  }

  async bringBack() {
    const values = { output_dir: this.folder, file: [...this.chosen].join(",") };
    const begun = await trying(() => send("start_verb", { verb: "undo", values }));
    if (begun) go(`#/run?id=${begun.id}`);
  }
}
