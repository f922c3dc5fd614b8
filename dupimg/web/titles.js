/* The lines of a view, and the titles of what stands on them. */

/** Return the lines of what a view shows; `unfolded` are groups that are shown whole. */
function linesOf(page, available) {
  const { view, found, review, unfolded, model } = page;
  if (view === "files") return fileLines(found);
  if (view === "scenes") return sceneLines(found, available);
  if (view === "duplicates") return tileLines(found, available, review.active, unfolded);
  const { rule } = model.about;
  return ["removed", "kept", "scenes"].flatMap((section) => {
    const blocks = found.filter((pair) => pair.section === section);
    if (!blocks.length) return [];
    const proof = rule !== "cosine" && section !== "scenes";
    const about = t(proof ? `borderline.${section}.proof` : `borderline.${section}.about`);
    return [
      headingLine(t(`borderline.${section}`), about),
      ...tileLines(blocks, available, review.active, unfolded),
    ];
  });
}

/** Return the lines of scenes; those of an event follow its name, where there are events. */
function sceneLines(scenes, available) {
  const eventOf = ({ photos }) => photos[0].event ?? "";
  if (!scenes.some(eventOf)) return stripLines(scenes, available);
  const runs = [];
  for (const scene of scenes) {
    if (runs.at(-1)?.event !== eventOf(scene)) runs.push({ event: eventOf(scene), scenes: [] });
    runs.at(-1).scenes.push(scene);
  }
  return runs.flatMap((run) => [
    eventLine(run.event || t("event.none"), t("summary.scenes", { count: run.scenes.length })),
    ...stripLines(run.scenes, available),
  ]);
}

/** Return the title of a block and what is said beside it. */
function blockTitle(model, block) {
  const { kind, number, photos } = block;
  if (kind === "group") {
    const bytes = bytesFreed(photos);
    const count = block.count ?? photos.length;
    const about = [t("photos", { count })];
    if (bytes) about.push(t("group.frees", { bytes: formatBytes(bytes) }));
    return [t("group", { number }), about.join(" · ")];
  }
  if (kind === "scene") return sceneTitle(number, photos);
  const about = pairAbout(model, block);
  if (block.cosine === null) return [capitalized(about), ""];
  return [t("alike", { percent: formatTenths(block.cosine) }), about];
}

const capitalized = (text) => text.charAt(0).toLocaleUpperCase(words.language) + text.slice(1);

/** Say why a pair is a close call: by what decided about it. */
function pairAbout(model, { row, cosine, threshold, section }) {
  if (model.about.rule !== "cosine" && section !== "scenes") {
    const spared = sparedReason(row);
    if (section === "kept" && spared) return t(spared[0].replace("reason.", "pair."));
    if (row.verdict) return t(`verdict.${row.verdict}`);
  }
  const side = cosine < threshold ? "below" : "above";
  const distance = formatTenths(Math.abs(cosine - threshold));
  return t(`pair.${side}`, { distance, threshold: formatTenths(threshold) });
}

function sceneTitle(number, photos) {
  const name = photos[0].scene_name;
  const own = t("scene", { number });
  const about = sceneAbout(photos.filter((row) => row.action !== "remove"), photos);
  return name ? [visible(name), `${own} · ${about}`] : [own, about];
}

function sceneAbout(kept, photos) {
  const timed = photos.filter((row) => !Number.isNaN(row.time));
  const count = kept.length === 1 && photos.length === 1 ? "" : countMedia(kept);
  if (!timed.length) return count || countMedia(photos);
  const [first, last] = [timed[0].time, timed.at(-1).time];
  if (photos.length === 1) return formatMoment(photos[0], "day");
  return [count, words.formats.range.formatRange(first, last)].filter(Boolean).join(" · ");
}

const DAY = 86_400_000;
const YEAR = 365 * DAY;

/** Return whether photos were taken on more than one day, or further apart than so long. */
function spansDays(photos, least = 0) {
  const times = photos.map(({ time }) => time).filter((time) => !Number.isNaN(time));
  const days = new Set(times.map((time) => Math.floor(time / DAY)));
  return days.size > 1 && Math.max(...times) - Math.min(...times) >= least;
}

/** Count photos, and videos among them. */
function countMedia(rows) {
  const videos = rows.filter((row) => row.video).length;
  const parts = [
    rows.length > videos ? t("photos", { count: rows.length - videos }) : "",
    videos ? t("videos", { count: videos }) : "",
  ];
  return parts.filter(Boolean).join(" · ");
}
