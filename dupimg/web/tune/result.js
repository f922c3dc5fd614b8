/* What the answers say, and what to do with it. */

function resultView(result) {
  const judged = ["duplicates", "scenes"].map((name) => judgedView(name, result));
  const key = state.over ? "result.over" : "result.about";
  const about = t(key, { count: state.answers, folder: visible(result.output_dir) });
  return element(
    "div",
    { class: "result" },
    element("div", {}, element("h2", { id: "heading", tabindex: "-1" }, t("result")), element("p", { class: "about" }, about)),
    element("div", { class: "judged" }, ...judged),
    result.command ? commandView(result.command) : null,
    element("p", { class: "about explained" }, t("explained")),
    element("div", { class: "row" }, ...(state.over ? [] : resultButtons(result))),
  );
}

function resultButtons(result) {
  return [
    button({ class: "primary", text: t("done"), onclick: finishForGood }),
    result.more
      ? button({ text: t("more"), onclick: () => call("more", {}) })
      : element("span", { class: "about" }, t("more.none")),
    button({
      class: "quiet", text: t("back"), name: "back", label: t("key", { key: "←" }), disabled: !state.can_go_back, onclick: back,
    }),
  ];
}

/** Let dupimg write what the answers say and end; in the app, go back there. */
async function finishForGood() {
  await call("done", {});
  if (!state.result) return;
  alive.close();
  show({ ...state, over: true, can_go_back: false });
  // Back in the browser must not lead here: this page is gone by then.
  if (state.finished) location.replace(state.finished);
}

function judgedView(name, result) {
  const judged = result[name];
  const sure = judged.recommended !== null;
  const share = words.formats.percent.format(result.precision);
  const verdict = sure ? t("recommended", { threshold: formatThreshold(judged.recommended) }) : t("unsure");
  const reasons = sure
    ? [t("recommended.about", { share })]
    : state.answers < 10
      ? [t("unsure.few", { count: state.answers })]
      : [t(`unsure.more.${name}`, { share }), t(`unsure.${name}`)];
  return element(
    "section",
    { class: "card" },
    element("h3", {}, t(name)),
    element("p", { class: sure ? "verdict sure" : "verdict" }, verdict),
    ...reasons.map((reason) => element("p", { class: "about" }, reason)),
    judged.table.threshold.length ? chart(judged, result.precision) : null,
  );
}

function commandView(command) {
  const copy = async () => {
    await navigator.clipboard.writeText(command);
    announce(t("copied"));
  };
  return element(
    "div",
    {},
    element("h3", {}, t("command")),
    element("div", { class: "command" }, element("code", {}, ...commandWords(command)), button({ text: t("copy"), onclick: copy })),
  );
}
