/* What two photos share and where they differ, drawn over the large pictures. */

const LINES_DRAWN = 40;

/** The drawing over a stage; a server works out what is to be drawn when it is asked for. */
class Marks {
  constructor(addresses) {
    this.addresses = addresses;
    this.shown = false;
    this.known = new Map();
  }

  /** Whether there is anybody who could work that out. */
  get possible() {
    return Boolean(this.addresses.pair);
  }

  /** Take the pictures of a stage and the drawing over it; `say` is told what is seen. */
  take(drawing, pictures, say) {
    Object.assign(this, { drawing, pictures, say });
  }

  /** Fetch what is known of a pair, the first photo and the second one, and draw it. */
  async load(first, second) {
    const key = `${first.n}/${second.n}`;
    this.wanted = key;
    if (!this.known.has(key)) {
      this.say(t("marks.loading"));
      const found = await fetch(this.addresses.pair(first, second))
        .then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
      this.known.set(key, found);
    }
    if (this.wanted !== key || !this.shown) return;
    const found = this.known.get(key);
    this.say(found ? inWordsOf(found) : t("marks.none"));
    this.draw();
  }

  clear() {
    this.wanted = null;
    this.drawing?.replaceChildren();
  }

  /** Draw over the pictures where they lie now. */
  draw() {
    const found = this.known.get(this.wanted);
    if (!this.drawing?.isConnected) return;
    if (!this.shown || !found) {
      this.drawing.replaceChildren();
      return;
    }
    const stage = this.drawing.getBoundingClientRect();
    const views = this.pictures.map((picture) => viewOf(picture, stage));
    this.drawing.replaceChildren(...views.flatMap((view, i) =>
      view.hidden ? [] : marksOf(found, view, i)), ...linesBetween(found, views));
  }
}

/** Return where a picture lies on the stage, and its box, beyond which nothing is drawn. */
function viewOf({ box, place, figure }, stage) {
  const { left, top, width, height } = box.getBoundingClientRect();
  const [x, y] = [left - stage.left, top - stage.top];
  return {
    hidden: figure.classList.contains("behind"),
    at: ([u, v]) => [x + place.x + u * place.width, y + place.y + v * place.height],
    sees: ([px, py]) => px >= x && py >= y && px <= x + width && py <= y + height,
    box: { x, y, right: x + width, bottom: y + height },
  };
}

/** Draw the details of one of two pictures, what differs in it, and where the other one lies. */
function marksOf(found, view, which) {
  const points = found.details.map((detail) => view.at(detail.slice(2 * which, 2 * which + 2)));
  const dots = points.filter(view.sees).map(([x, y]) =>
    svg("circle", { class: "detail", cx: x, cy: y, r: 3.5 }));
  const boxes = (which ? found.other_boxes : found.boxes).map(([left, top, width, height]) =>
    boxOf(view, view.at([left, top]), view.at([left + width, top + height])));
  const part = which ? found.other_part : found.part;
  const outline = part
    ? [svg("polygon", { class: "part", points: part.map((p) => view.at(p).join(",")).join(" ") })]
    : [];
  return [...outline, ...dots, ...boxes.filter(Boolean)];
}

/** Draw a box as far as it is in view. */
function boxOf({ box }, [left, top], [right, bottom]) {
  const [x, y] = [Math.max(left - 3, box.x), Math.max(top - 3, box.y)];
  const [width, height] = [Math.min(right + 3, box.right) - x, Math.min(bottom + 3, box.bottom) - y];
  if (width <= 0 || height <= 0) return null;
  return svg("rect", { class: "difference", x, y, width, height, rx: 3 });
}

/** Join the same details of two pictures that are side by side; some, where there are many. */
function linesBetween(found, views) {
  if (views.length < 2 || views.some(({ hidden, covered }) => hidden || covered)) return [];
  const [first, second] = views;
  if (first.box.x === second.box.x && first.box.y === second.box.y) return [];
  const seen = found.details
    .map(([x, y, u, v]) => [first.at([x, y]), second.at([u, v])])
    .filter(([a, b]) => first.sees(a) && second.sees(b));
  const every = Math.ceil(seen.length / LINES_DRAWN);
  return seen.filter((_, i) => i % every === 0).map(([a, b]) =>
    svg("line", { class: "same-detail", x1: a[0], y1: a[1], x2: b[0], y2: b[1] }));
}

function inWordsOf({ details, boxes, part, other_part: otherPart }) {
  const parts = [
    details.length ? t("marks.details", { count: details.length }) : t("marks.no_details"),
    boxes.length ? t("marks.differences", { count: boxes.length }) : "",
    part || otherPart ? t("marks.part") : "",
  ];
  return parts.filter(Boolean).join(" · ");
}
