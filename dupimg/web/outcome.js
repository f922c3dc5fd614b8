/* What a plan came to, and lists of messages that may be long. */

const LINES_SHOWN = 500;

/** List what became of the files, as the summary of the command does. */
function outcomeList({ report, scenes, freed, ...counts }, hasScenes) {
  const about = {
    keep: hasScenes ? t("summary.scenes", { count: scenes }) : "",
    remove: t("summary.freed.done", { bytes: formatBytes(freed) }),
    other: t("summary.other.about", { count: counts.other }),
    leave: t("summary.leave.about", { count: counts.leave }),
    failed: t("summary.failed.about", { count: counts.failed }),
  };
  const shown = ["found", "keep", ...["remove", "other", "leave", "failed"].filter((key) => counts[key])];
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

/** Show messages folded, under how many there are; nothing where there are none. */
function foldedList(key, messages) {
  if (!messages.length) return null;
  return element("details", { class: "folded" },
    element("summary", {}, t(key, { count: messages.length })), lineList(messages));
}

/** Say how many files stay and go, without what there is none of. */
function countsInWords(counts, bytes) {
  const parts = ["keep", "remove", "other", "leave"].filter((action) => counts[action])
    .map((action) => t(`apply.count.${action}`, { count: counts[action] }));
  return `${parts.join(" · ")} · ${formatBytes(bytes)}`;
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
