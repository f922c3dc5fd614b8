/* The form of a new run: folders, what to do, and more options, folded. */

const formState = { values: {}, error: null };

class RunForm {
  constructor(about, values, error) {
    this.about = about;
    this.values = { task: "scenes", mode: "copy", tree: false, input_dir: [], protect: [], output_dir: "", ...values };
    this.error = error;
  }

  /** Return the values as the options call them. */
  get options() {
    const { task, mode, tree, tune, ...rest } = this.values;
    const only = task === "duplicates";
    const inputs = rest.input_dir.filter((path) => !rest.protect.includes(path));
    const options = { ...rest, input_dir: inputs, task, mode: only ? "move" : mode, tree };
    if (only) options.only = "duplicates";
    if (tree && !only) options.layout = "tree";
    return options;
  }

  /** Show the form; return whether it is scrolled to what is wrong. */
  show() {
    const { about } = this;
    this.error_places = {};
    this.command = commandPart(async () => (await send("command", { verb: "plan", values: this.options })).command);
    const start = button({ text: t("form.start"), class: "primary big", onclick: () => this.start() });
    showView(t("form.title"),
      element("form", { class: "form", onsubmit: (event) => { event.preventDefault(); this.start(); } },
        link("#/", { class: "back" }, icon("back"), t("home")),
        "heading-here",
        this.inputs(), this.tasks(), this.outputs(), this.advanced(about.advanced),
        element("p", { class: "form-error", role: "alert", id: "form-error" }),
        element("div", { class: "go" }, start,
          element("p", { class: "about" }, t("form.promise"))),
        element("div", { class: "row foot" }, this.command,
          button({ text: t("tune.offer"), class: "quiet", onclick: () => this.start(true) }))));
    const form = byId("main").querySelector("form");
    form.childNodes[1].replaceWith(byId("heading"));
    if (this.error) this.showError(this.error);
    return Boolean(this.error);
  }

  field(name, title, about, ...children) {
    const problem = element("p", { class: "field-error", role: "alert", id: `error-${name}` });
    this.error_places[name] = problem;
    return element("fieldset", { class: "part" },
      element("legend", {}, title), about ? element("p", { class: "about" }, about) : null,
      ...children, problem);
  }

  inputs() {
    const list = element("ul", { class: "chosen" });
    const protectedBox = (path) => (this.values.input_dir.length < 2 ? null
      : element("label", { class: "protect", title: t("form.protect.about") },
        element("input", { type: "checkbox", checked: this.values.protect.includes(path), onchange: (event) => {
          this.values.protect = this.values.protect.filter((other) => other !== path);
          if (event.target.checked) this.values.protect.push(path);
          this.changed();
        } }), t("form.protect")));
    const fill = () => list.replaceChildren(...this.values.input_dir.map((path) => element("li", {},
      icon("folder"), pathText(path), protectedBox(path),
      button({ name: "close", label: t("form.drop", { name: visible(path) }), class: "quiet", onclick: () => {
        this.values.input_dir = this.values.input_dir.filter((other) => other !== path);
        const left = this.values.input_dir;
        this.values.protect = this.values.protect.filter((other) => left.length > 1 && other !== path);
        fill();
        this.changed();
      } }))));
    const add = async () => {
      const start = this.values.input_dir.at(-1) ?? "";
      const folder = await trying(() => new FolderDialog(t("photos.choose"), { start }).open());
      if (!folder || this.values.input_dir.includes(folder)) return;
      this.values.input_dir.push(folder);
      if (!this.values.output_dir) {
        const { output_dir } = await ask("form", { input: folder });
        this.output.value = this.values.output_dir = output_dir;
      }
      fill();
      this.changed();
    };
    fill();
    return this.field("input_dir", t("form.inputs"), "", list,
      button({ text: t("form.add"), name: "add", onclick: add }));
  }

  tasks() {
    const choice = (name, value, picture) => element("label", { class: "choice" },
      element("input", { type: "radio", name, value, checked: this.values[name] === value,
        onchange: () => { this.values[name] = value; this.syncParts(); this.changed(); } }),
      element("span", { class: `sketch ${picture}`, "aria-hidden": "true" },
        ...Array.from({ length: 5 }, () => element("i"))),
      element("span", {}, element("strong", {}, t(`${name}.${value}`)),
        element("span", { class: "about" }, t(`${name}.${value}.about`))));
    const tasks = ["scenes", "duplicates"];
    this.how = element("div", {},
      element("div", { class: "choices" }, choice("mode", "copy", "copy"), choice("mode", "move", "move")),
      element("label", { class: "check" },
        element("input", { type: "checkbox", checked: this.values.tree,
          onchange: (event) => { this.values.tree = event.target.checked; this.changed(); } }),
        element("span", {}, t("form.tree"))));
    this.howPart = this.field("process_mode", t("form.how"), "", this.how);
    this.howPart.hidden = this.values.task === "duplicates";
    return element("div", {},
      this.field("only", t("form.task"), "",
        element("div", { class: "choices" }, ...tasks.map((task) => choice("task", task, task)))),
      this.howPart);
  }

  syncParts() {
    this.howPart.hidden = this.values.task === "duplicates";
  }

  outputs() {
    this.output = element("input", { type: "text", value: this.values.output_dir, spellcheck: "false",
      autocomplete: "off", "aria-label": t("form.output"), "aria-describedby": "error-output_dir",
      oninput: (event) => { this.values.output_dir = event.target.value; this.changed(); } });
    const browse = async () => {
      const folder = await trying(() => new FolderDialog(t("form.output.choose")).open());
      if (!folder) return;
      const name = splitPath(this.values.output_dir)[1] || t("form.output.name");
      const separator = folder.includes("\\") ? "\\" : "/";
      this.output.value = this.values.output_dir = `${folder.replace(/[\\/]$/, "")}${separator}${name}`;
      this.changed();
    };
    return this.field("output_dir", t("form.output"), t("form.output.about"),
      element("div", { class: "row with-button" }, this.output, button({ text: t("form.browse"), onclick: browse })));
  }

  advanced(fields) {
    const groups = ["choosing", "comparing", "reading"].map((group) => element("section", {},
      element("h3", {}, t(`group.${group}`)),
      element("div", { class: "options" },
        ...fields.filter((field) => field.group === group).map((field) => this.option(field)))));
    // What is set there, by tune for one, is seen.
    const open = fields.some(({ name }) => name in this.values);
    this.fold = element("details", { class: "advanced", open }, element("summary", {}, t("form.advanced")), ...groups);
    return this.fold;
  }

  option(field) {
    const known = (key) => (key in TEXTS[words.language] ? t(key) : null);
    const name = known(`option.${field.name}`) ?? field.name.replaceAll("_", " ");
    const about = known(`option.${field.name}.about`);
    const set = (value) => {
      if (value === "" || value === field.default) delete this.values[field.name];
      else this.values[field.name] = value;
      this.changed();
    };
    const value = this.values[field.name] ?? field.default ?? "";
    const id = `option-${field.name}`;
    let control;
    if (field.kind === "flag") {
      control = element("input", { type: "checkbox", id, checked: value, onchange: (event) => set(event.target.checked) });
    } else if (field.kind === "choice") {
      control = element("select", { id, onchange: (event) => set(event.target.value) },
        ...field.choices.map((word) => element("option", { value: word, selected: word === value },
          known(`option.${field.name}.${word}`) ?? word)));
    } else {
      control = element("input", { type: "text", id, value: this.values[field.name] ?? "", autocomplete: "off",
        spellcheck: "false", placeholder: field.default === null ? "" : String(field.default),
        oninput: (event) => set(event.target.value.trim()) });
    }
    const problem = element("p", { class: "field-error", role: "alert" });
    this.error_places[field.name] = problem;
    return element("div", { class: `option of-${field.kind}` },
      element("label", { for: id }, name), control,
      element("p", { class: "small", lang: about ? null : "en" }, about ?? field.about), problem);
  }

  changed() {
    formState.values = this.values;
    this.command.refresh();
  }

  showError(error) {
    for (const place of Object.values(this.error_places)) place.replaceChildren();
    byId("form-error").replaceChildren();
    const place = this.error_places[error.field] ?? byId("form-error");
    if (this.fold.contains(place)) this.fold.open = true;
    place.replaceChildren(...inLanguages(error.said));
    place.scrollIntoView({ block: "center" });
    place.closest("fieldset, .option")?.querySelector("input, select, button")?.focus({ preventScroll: true });
  }

  async start(tune = false) {
    try {
      const { id } = await send("start", { values: { ...this.options, ...(tune ? { tune } : {}) } });
      formState.values = this.values;
      go(`#/run?id=${id}`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.showError(error);
    }
  }
}

async function formView(query) {
  const input = query.get("input");
  const about = await ask("form", input ? { input } : {});
  const fresh = input ? { input_dir: [input], output_dir: about.output_dir } : formState.values;
  const { error } = formState;
  formState.error = null;
  return new RunForm(about, fresh, error).show();
}
