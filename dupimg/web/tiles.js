/* The elements of a line: titles, photos with their numbers, rows of the list of files. */

/** Show a thumbnail, or the kind of the file where there is none. */
function thumbnail(page, row, width, height) {
  const frame = element("span", { class: "frame", style: { height: `${height}px` } });
  const none = () => {
    const kind = splitPath(row.path).name.split(".").at(-1).slice(0, 5).toUpperCase();
    frame.replaceChildren(element("span", { class: "no-picture" }, visible(kind)));
  };
  if (row.digest && row.width) {
    const image = element("img", {
      src: page.addresses.thumb(row), alt: "", width, height, draggable: "false", onerror: none,
      // What is drawn anew after a decision must not flash.
      loading: page.steady ? "eager" : "lazy", decoding: page.steady ? "sync" : "async",
    });
    frame.append(image);
  } else {
    none();
  }
  return frame;
}

/** Say what happens to a file, or what has happened. */
function actionWord(page, row) {
  const tense = page.model.about.state === "applied" ? "done" : "planned";
  return t(row.failed ? "action.failed" : `action.${row.action}.${tense}`);
}

/** Return what stands for the action of a row: a mark and a word, not a colour alone. */
function badge(page, row) {
  if (row.failed) {
    return element("span", { class: "badge failed" }, icon("failed"), actionWord(page, row));
  }
  const keeper = page.model.isKeeper(row) && row.copies > 0;
  const action = keeper ? "keeper" : row.action;
  const word = keeper ? t("keeper") : actionWord(page, row);
  return element("span", { class: `badge ${action}` }, icon(row.action), word);
}

/** Describe a photo in one sentence, for those who do not see it. */
function describe(page, row) {
  const parts = [visible(row.path), actionWord(page, row)];
  if (row.video) parts.unshift(t("video"));
  if (row.cosine_to_keeper !== null) {
    parts.push(t("alike.keeper", { percent: formatPercent(row.cosine_to_keeper) }));
  }
  if (row.width) parts.push(formatPixels(row));
  return parts.join(", ");
}

function photoButton(page, item, height, caption = null) {
  const { row, width, place } = item;
  return element(
    "button",
    {
      type: "button", class: "photo", "data-place": place, "aria-label": describe(page, row),
      tabindex: place === page.place ? 0 : -1, onclick: () => page.open(place),
    },
    thumbnail(page, row, width, height),
    caption,
  );
}

/** Make the list of a segment; each photo says how many its block has. */
function listOf(page, segment, draw) {
  return element(
    "ul",
    { "aria-label": blockTitle(page.model, segment.block)[0] },
    ...segment.items.map((item, i) =>
      element(
        "li",
        {
          class: [item.row.action, page.review.isSelected(item.row) ? "selected" : "",
            page.model.isGone(item.row) ? "gone" : ""].join(" "),
          "aria-setsize": segment.block.count ?? segment.block.photos.length,
          "aria-posinset": segment.start + i + 1, style: { width: `${item.width}px` },
        },
        draw(item),
      ),
    ),
    segment.more ? element("li", { style: { width: `${segment.more.width}px` } },
      moreButton(page, segment)) : null,
  );
}

/** Say how many photos of a group are not shown, and show them. */
function moreButton(page, { block, more }) {
  const unfold = () => {
    page.unfolded.add(block.number);
    page.refresh();
  };
  return button({ text: t("more", { count: block.more }), class: "more", onclick: unfold,
    label: t("more.title", { count: block.more }),
    style: { height: `${Math.round(more.width * 0.75)}px` } });
}

function titleLine(page, block, start) {
  const [title, about] = blockTitle(page.model, block);
  if (start) {
    return element("div", { class: "title-line" }, element("h3", {}, title),
      element("span", { class: "about" }, t("group.continued")));
  }
  return element("div", { class: "title-line" }, element("h3", { dir: "auto" }, title),
    element("span", { class: "about numbers", title: about }, about),
    ...page.review.blockControls(block));
}

function segmentElement(page, line, segment, draw) {
  const { block, items, start } = segment;
  const last = segment.more ?? items.at(-1);
  const right = last.x + last.width;
  return element(
    "section",
    {
      class: "segment",
      style: {
        left: `${items[0].x}px`, width: `${right - items[0].x}px`,
        "padding-top": `${line.title}px`,
      },
    },
    start === 0 || line.kind === "tiles" ? titleLine(page, block, start) : null,
    listOf(page, segment, draw),
  );
}

/** Make a picture with its numbers: what there is to compare. */
function tile(page, item, line, { kind }) {
  const { row, width } = item;
  const { folder, name } = splitPath(row.path);
  // How alike two photos of a pair are, their title says.
  const likeness = kind === "pair" ? null : row.cosine_to_keeper;
  const alike = likeness === null ? null : t("alike", { percent: formatPercent(likeness) });
  const why = formatWhy(row);
  return element(
    "div",
    { class: "tile", style: { width: `${width}px` } },
    photoButton(page, item, line.picture),
    element("div", { class: "row" }, badge(page, row),
      isBestShot(row) ? element("span", { class: "best", title: why }, "★") : null,
      alike && element("span", { class: "cosine",
        title: `${t("cosine")} ${formatCosine(likeness)}` }, alike)),
    element("p", { class: "name", title: visible(row.path), dir: "auto" }, ...nameParts(name)),
    element("p", { class: "small", title: visible(row.path), dir: "auto" },
      visible(folder) || t("folder.top")),
    element("p", { class: "small numbers" },
      [row.video ? t("video") : formatPixels(row), formatBytes(row.bytes)].join(" · ")),
    element("p", { class: "small numbers" }, formatTaken(row)),
    element("p", { class: "small why", title: why }, ...inLanguages(why)),
    ...page.review.photoControls(item),
    ...page.review.selectControl(item),
  );
}

/** Make a photo of a strip: the picture, its time, and how many duplicates it has. */
function stripPhoto(page, item, line, block) {
  const { row } = item;
  const name = element("span", { class: "file-name", dir: "auto" },
    ...nameParts(splitPath(row.path).name));
  return element(
    "div",
    { class: "strip-photo" },
    photoButton(page, item, line.picture, name),
    page.model.isGone(row) ? goneLine(page, row) : element("p", { class: "small numbers row" },
      element("span", { title: visible(row.path) }, formatTaken(row, timeFormat(item, block))),
      isBestShot(row)
        ? element("span", { class: "best", title: formatReason(row) }, "★")
        : null,
      row.action === "leave" ? badge(page, row) : null,
      row.copies
        ? element("span", { class: "copies", title: t("copies.title", { count: row.copies }) },
            t("copies", { count: row.copies }))
        : null),
    ...page.review.selectControl(item),
  );
}

/** Choose how much of a time a strip has room for: the day, too, where a scene spans several. */
function timeFormat({ row, width }, { photos }) {
  const crowded = row.copies || row.action === "leave" || isBestShot(row);
  const tight = width < SIZES.stripSeconds + (crowded ? 40 : 0);
  if (spansDays(photos, YEAR)) return tight ? "dated" : "day";
  if (spansDays(photos)) return tight ? "date" : "short";
  return crowded && width < SIZES.stripSeconds ? "minute" : "time";
}

/** Say of a photo that a person has removed it from its scene, and let it come back. */
function goneLine(page, row) {
  return element("p", { class: "small row" }, element("span", {}, t("action.remove.done")),
    ...page.review.restoreControl(row));
}

/** Make the row of a file: everything that the report says about it, on one line. */
function fileRow(page, line) {
  const [item] = line.segments[0].items;
  const { row } = item;
  const { folder, name } = splitPath(row.path);
  const cells = [
    row.scene === null || !page.model.hasScenes ? "" : t("scene", { number: row.scene }),
    row.video ? t("video") : row.width ? formatPixels(row) : "",
    formatBytes(row.bytes),
    formatTaken(row),
  ];
  const controls = page.review.fileControls(row);
  const state = controls.length ? controls : [badge(page, row)];
  const why = row.companion_of
    ? t("companion", { name: visible(splitPath(row.companion_of).name),
        reason: formatReason(row) })
    : formatWhy(row);
  return element(
    "div",
    { class: `file ${row.action}` },
    photoButton(page, { ...item, width: 64 }, 56),
    element("div", { class: "names" },
      element("p", { class: "name", title: visible(row.path), dir: "auto" }, ...nameParts(name)),
      element("p", { class: "small", dir: "auto" }, visible(folder) || t("folder.top"))),
    element("div", { class: "decide" }, ...state),
    ...cells.map((text, i) => element("span", { class: `cell cell-${i} numbers` }, text)),
    element("p", { class: "small why", title: why }, ...inLanguages(why)),
  );
}

function headingElement(line) {
  return element("div", { class: `section-heading ${line.kind}` }, element("h3", {}, line.title),
    element("p", { class: "about" }, line.about));
}

/** Make the element of any line. */
function lineElement(page, line) {
  const style = { height: `${line.height}px` };
  const drawn = element("div", { class: `line ${line.kind}-line`, style });
  if (line.kind === "heading" || line.kind === "event") {
    drawn.append(headingElement(line));
  } else if (line.kind === "file") {
    drawn.append(fileRow(page, line));
    setAttribute(drawn, "role", "listitem");
    setAttribute(drawn, "aria-posinset", line.segments[0].items[0].place + 1);
    setAttribute(drawn, "aria-setsize", page.items.length);
  } else {
    const draw = line.kind === "tiles" ? tile : stripPhoto;
    for (const segment of line.segments) {
      drawn.append(segmentElement(page, line, segment,
        (item) => draw(page, item, line, segment.block)));
    }
  }
  return drawn;
}
