/* A run while it goes on: steps, how far, how long, and the photos as they come. */

const POLL_MILLISECONDS = 500;
const MOST_PREVIEWS = 60;
const ENDED = ["done", "failed", "refused", "stopped", "killed"];
const QUIET_MILLISECONDS = 3000;

class RunView {
  /** Of a run that is `answered`, the page has been: it ends, and is not to be opened again. */
  constructor(id, answered) {
    this.id = id;
    this.answered = answered;
    this.shown = 0;
    this.asked = "";
  }

  async show() {
    const run = await ask("run", { id: this.id });
    this.steps = element("ol", { class: "steps" });
    this.bar = element("progress", { max: 1, "aria-label": t("run.progress") });
    this.facts = element("p", { class: "facts numbers" });
    this.spoken = element("p", { class: "unseen", role: "status" });
    this.mosaic = element("div", { class: "mosaic", "aria-hidden": "true" });
    this.tools = element("div", { class: "row run-tools" });
    const command = commandPart(async () => run.command);
    const kind = this.answered ? "answered" : run.kind;
    showView(t(`run.title.${kind}`), element("section", { class: "run" }, "heading",
      element("p", { class: "about" }, t(`run.about.${kind}`)),
      element("div", { class: "meter" }, this.bar, this.facts, this.spoken), this.steps, this.tools, this.mosaic, command));
    this.mosaic.before(this.tools);
    byId("main").querySelector(".run").firstChild.replaceWith(byId("heading"));
    this.fill(run);
    this.follow();
  }

  async follow() {
    while (this.facts.isConnected) {
      await new Promise((wake) => setTimeout(wake, POLL_MILLISECONDS));
      if (!this.facts.isConnected) return;
      const run = await trying(() => askPatiently("run", { id: this.id }));
      if (!run || !this.facts.isConnected) return;
      if (run.address && !this.answered) {
        // What the browser calls Back leads here from there, and must not lead there again.
        history.replaceState(null, "", `#/run?id=${this.id}&left=yes`);
        location.href = run.address;
        return;
      }
      if (ENDED.includes(run.state)) {
        runEnded(run);
        return;
      }
      this.fill(run);
    }
  }

  fill(run) {
    const { standing } = run;
    const waits = standing.waits_for || !standing.total;
    if (waits) this.bar.removeAttribute("value");
    else this.bar.value = standing.done / standing.total;
    this.facts.textContent = this.inWords(run);
    const number = standing.number ?? 0;
    this.steps.replaceChildren(...run.steps.map((step, i) => element("li", {
      class: i + 1 < number ? "past" : i + 1 === number ? "now" : "", "aria-current": i + 1 === number ? "step" : null,
    }, i + 1 < number ? icon("done") : element("span", { class: "number" }, formatNumber(i + 1)),
    element("span", {}, stepName(step)))));
    this.fillTools(run);
    this.addPreviews(run);
    const now = number ? t("run.step", { number, of: run.steps.length, name: stepName(standing.step) }) : "";
    if (this.spoken.textContent !== now) this.spoken.textContent = now;
    if (run.question && run.question !== this.asked) this.answer(run);
    this.asked = run.question;
  }

  inWords(run) {
    const { standing } = run;
    if (run.state !== "running") return t(`run.${run.state}`);
    if (!standing.step) return t("run.starting");
    if (standing.waits_for) return t("run.preparing");
    const parts = [t(`unit.${standing.unit}`, { done: formatNumber(standing.done), count: standing.total })];
    if (run.rate >= 0.1) parts.push(t("run.rate", { rate: words.formats.tenths.format(run.rate) }));
    if (run.seconds_left > 1) parts.push(t("run.left", { time: duration(run.seconds_left) }));
    return parts.join(" · ");
  }

  fillTools(run) {
    const act = (path) => async () => { await trying(() => send(path, { id: this.id })); };
    const paused = ["paused", "pausing"].includes(run.state);
    const busy = run.state === "stopping";
    replaceKeepingFocus(this.tools, [
      button({ text: t(paused ? "run.go_on" : "run.pause"), name: paused ? "play" : "pause", disabled: busy,
        class: paused ? "primary" : null, onclick: act(paused ? "go_on" : "pause") }),
      button({ text: t("run.stop"), name: "stop", disabled: busy, onclick: async () => {
        if (await confirmBox(t("stop.title"), [t("stop.about")], t("run.stop"), t("stop.no"))) await act("stop")();
      } }),
    ]);
  }

  addPreviews(run) {
    const first = Math.max(this.shown, run.previews - MOST_PREVIEWS);
    for (let i = first; i < run.previews; i += 1) {
      this.mosaic.prepend(element("img", { class: "thumb", alt: "", src: `preview/${this.id}/${i}` }));
    }
    while (this.mosaic.childElementCount > MOST_PREVIEWS) this.mosaic.lastChild.remove();
    this.shown = run.previews;
  }

  async answer(run) {
    const lines = run.announced.slice(-3).map((line) => element("p", {}, ...inLanguages(say(line))));
    const yes = await confirmBox(t("question.title"), lines, t("question.yes"), t("question.no"));
    await trying(() => send("answer", { id: this.id, answer: yes ? "yes" : "no" }));
  }
}

const stepName = (step) => (`step.${step}` in TEXTS[words.language] ? t(`step.${step}`) : step);

/** Leave a run that is over: to its result, or back to the form with what is wrong. */
function runEnded(run) {
  const error = run.error.length
    ? new Refusal({ message: run.error[0], parts: run.error.slice(1), field: run.field }) : null;
  if (run.verb === "tune") {
    if (error) formState.error = error;
    formState.values = { ...run.values };
    delete formState.values.tune;
    for (const [name, value] of Object.entries(run.tuned)) if (value !== null) formState.values[name] = String(value);
    if (!error) toast(t(Object.values(run.tuned).some((value) => value !== null) ? "tune.taken" : "tune.none"));
    location.replace("#/new");
    return;
  }
  if (run.state === "refused" && run.verb === "plan") {
    formState.error = error;
    formState.values = run.values;
    location.replace("#/new");
    return;
  }
  if (error) toast(error.said);
  else if (run.state === "failed") toast(run.outcome.counts ? t("run.partly") : run.told || t("run.failed"));
  location.replace(resultHash(run.output_dir));
}

/** Come back from questions that are not all answered: the form is as it was. */
function leaveTune(run) {
  const { tune, ...values } = run.values;
  formState.values = values;
  toast(t("tune.left", { name: t("tune.offer") }));
  location.replace("#/new");
}

async function runView(query) {
  const id = query.get("id");
  const run = await askPatiently("run", { id });
  if (ENDED.includes(run.state)) runEnded(run);
  else if (query.has("left")) leaveTune(run);
  else await new RunView(id, query.has("answered")).show();
}
