/* Where everything stands: lines of known height, made of segments of blocks.

A block is what belongs together and has a title: a duplicate group, a scene, a pair. Small blocks
stand side by side on a line; one that is wider than a line goes on in the next. All in pixels. */

const wide = matchMedia("(min-width: 861px)");

const FOLDED_LINES = 2;

const SIZES = {
  gap: 16,
  stripGap: 8,
  sceneGap: 32,
  title: 36,
  below: 28,
  tile: 216,
  tileText: 140,
  tileControls: 44,
  strip: 172,
  stripNarrow: 116,
  narrow: 480,
  stripText: 26,
  stripSeconds: 112, // narrower, a photo has no room for seconds beside a badge
  stripStretch: 1.3,
  file: 72,
  heading: 72,
  headingNarrow: 104, // what it is about takes two lines
  event: 56,
};

/** Place blocks on lines; `widthOf` gives the width of a photo. */
function pack(blocks, widthOf, available, gap, blockGap = gap) {
  const lines = [];
  let segments;
  let x = Infinity;
  const newLine = () => {
    lines.push((segments = []));
    x = 0;
  };
  for (const block of blocks) {
    const widths = block.photos.map((row) => Math.min(available, widthOf(row)));
    const whole = widths.reduce((sum, width) => sum + width + gap, -gap);
    if (x + whole > available) newLine();
    let segment = { block, start: 0, items: [] };
    segments.push(segment);
    block.photos.forEach((row, i) => {
      if (segment.items.length && x + widths[i] > available) {
        newLine();
        segments.push((segment = { block, start: i, items: [] }));
      }
      segment.items.push({ row, x, width: widths[i] });
      x += widths[i] + gap;
    });
    if (block.more) segment.more = { x, width: widths[0] };
    x += blockGap - gap;
  }
  return lines;
}

/** Return the width of a tile by which an even number fills a line: most groups are pairs. */
function tileWidth(available) {
  const pairs = (available + SIZES.gap) / (SIZES.tile + SIZES.gap) / 2;
  const count = 2 * Math.max(1, Math.round(pairs));
  return Math.floor((available + SIZES.gap) / count - SIZES.gap);
}

/** Show of a group that takes more than two lines only the first ones, unless it is unfolded. */
function folded(block, columns, unfolded) {
  const most = FOLDED_LINES * columns;
  const count = block.photos.length;
  if (count <= most || unfolded.has(block.number)) return block;
  return { ...block, photos: block.photos.slice(0, most - 1), more: count - most + 1, count };
}

/** Return the lines of tiles: pictures of one size with their numbers below. */
function tileLines(all, available, review, unfolded) {
  const width = tileWidth(available);
  const columns = Math.round((available + SIZES.gap) / (width + SIZES.gap));
  const blocks = all.map((block) => folded(block, columns, unfolded));
  const picture = Math.round(width * 0.75);
  const text = SIZES.tileText + (review ? SIZES.tileControls : 0);
  return pack(blocks, () => width, available, SIZES.gap).map((segments) => {
    const height = SIZES.title + picture + text + SIZES.below;
    return { kind: "tiles", segments, title: SIZES.title, picture, height };
  });
}

/** Return the lines of strips: photos of one height, side by side as in an album. */
function stripLines(blocks, available) {
  const aspect = (row) => Math.min(2.4, Math.max(0.6, row.width / row.height || 4 / 3));
  const strip = available < SIZES.narrow ? SIZES.stripNarrow : SIZES.strip;
  const widthOf = (row) => Math.round(strip * aspect(row));
  const lines = pack(blocks, widthOf, available, SIZES.stripGap, SIZES.sceneGap);
  return lines.map((segments, i) => {
    const stretch = i < lines.length - 1 ? stretchToFill(segments, available) : 1;
    const title = segments.some(({ start }) => start === 0) ? SIZES.title : 0;
    const picture = Math.floor(strip * stretch);
    const height = title + picture + SIZES.stripText + SIZES.gap;
    return { kind: "strip", segments, title, picture, height };
  });
}

/** Widen the photos of a line until it is full, within reason; return the factor. */
function stretchToFill(segments, available) {
  const items = segments.flatMap((segment) => segment.items);
  const photos = items.reduce((sum, item) => sum + item.width, 0);
  const last = items.at(-1);
  const gaps = last.x + last.width - photos;
  const factor = Math.min(SIZES.stripStretch, (available - gaps) / photos);
  if (factor <= 1) return 1;
  let shift = 0;
  for (const item of items) {
    const width = Math.floor(item.width * factor);
    item.x += shift;
    shift += width - item.width;
    item.width = width;
  }
  return factor;
}

/** Return a line for each file. */
function fileLines(rows) {
  return rows.map((row) => ({
    kind: "file",
    segments: [{ block: null, start: 0, items: [{ row, x: 0, width: 1 }] }],
    height: SIZES.file,
  }));
}

function headingLine(title, about) {
  const height = wide.matches ? SIZES.heading : SIZES.headingNarrow;
  return { kind: "heading", segments: [], title, about, height };
}

/** Return the line of an event: its name, and how many scenes it has beside it. */
function eventLine(title, about) {
  return { kind: "event", segments: [], title, about, height: SIZES.event };
}

/** Number the photos of all lines in order, so that keys can go from one to the next. */
function itemsOf(lines) {
  const items = [];
  lines.forEach((line, number) => {
    for (const segment of line.segments) {
      for (const item of segment.items) {
        item.line = number;
        item.of = segment.block;
        item.block = segment.block && `${segment.block.kind} ${segment.block.number}`;
        item.place = items.length;
        items.push(item);
      }
    }
  });
  return items;
}

/** Return the place of the nearest photo on the next line in a direction, or the same place. */
function verticalNeighbour(items, place, direction) {
  const { line, x, width } = items[place];
  let next = place + direction;
  while (items[next]?.line === line) next += direction;
  if (!items[next]) return place;
  const { line: target } = items[next];
  const centre = x + width / 2;
  const distance = (item) => Math.abs(item.x + item.width / 2 - centre);
  let best = next;
  for (; items[next]?.line === target; next += direction) {
    if (distance(items[next]) < distance(items[best])) best = next;
  }
  return best;
}
