/* What the page knows about the files: rows, duplicate groups, scenes, what is near a threshold. */

const BORDER = 0.02;

// What decisions change of a row, and `derive` looks at.
const DECIDED = ["action", "scene", "keeper", "cosine_to_keeper"];

/** Turn columns into an array of rows, each with its capture time in milliseconds: what the camera's
 * clock showed, whatever its offset from UTC and the zone of this machine. */
function unpack(columns) {
  // Column by column: of 100,000 rows that takes 0.1 s, row by row 0.4 s.
  const rows = columns.path.map(() => ({}));
  for (const [name, cells] of Object.entries(columns)) {
    rows.forEach((row, i) => (row[name] = cells[i]));
  }
  for (const row of rows) {
    row.time = row.taken_at ? Date.parse(`${row.taken_at.slice(0, 23)}Z`) : NaN;
    row.words = row.path.normalize("NFC").toLowerCase();
  }
  return rows;
}

class Model {
  constructor(data) {
    this.about = data.about;
    this.apart = new Set((data.apart ?? []).map((pair) => [...pair].sort().join(" ")));
    this.rows = unpack(data.rows);
    // Rows that are names of one file.
    this.linked = data.linked.map((numbers) => numbers.map((n) => this.rows[n]));
    this.rows.forEach((row, n) => {
      row.n = n;
      row.decided = row.action;
    });
    this.byPath = new Map(this.rows.map((row) => [row.path, row]));
    this.derive();
  }

  /** Take in rows that a server changed; most are shown as they are by then, but for the reason. */
  patch(columns) {
    let news = false;
    for (const changed of unpack(columns)) {
      const row = this.byPath.get(changed.path);
      news ||= DECIDED.some((name) => row[name] !== changed[name]);
      Object.assign(row, changed);
    }
    if (news) this.derive();
  }

  derive() {
    // Videos stand among the photos of their scene.
    this.photos = this.rows.filter((row) => row.scene !== null && !row.companion_of);
    this.videos = this.photos.filter((row) => row.video);
    // Else scenes are found by the embedding of duplicates.
    this.sceneCosines = this.photos.some((row) => row.nearest_scene_cosine !== null);
    this.others = this.rows.filter((row) => row.scene === null && !row.companion_of);
    this.companions = this.rows.filter((row) => row.companion_of);
    for (const row of this.rows) row.copies = 0;
    for (const row of this.photos) {
      if (row.action === "remove" && row.keeper) this.byPath.get(row.keeper).copies += 1;
    }
    this.groups = this.duplicateGroups();
    this.scenes = this.scenesInOrder();
    this.border = this.borderline();
  }

  /** Return the duplicate groups, in each the keeper first, then what was decided to stay. */
  duplicateGroups() {
    const rank = (row) => (row.copies ? 0 : row.decided === "remove" ? 2 : 1);
    return collect(this.photos, "duplicate_group").map((group) => {
      group.photos.sort((a, b) => rank(a) - rank(b));
      return group;
    });
  }

  /** Return the scenes in order of their first photo, each in order of time, without duplicates
   * and without photos that could not be brought to their places. */
  scenesInOrder() {
    const kept = this.photos.filter((row) => row.action !== "remove" && !row.failed);
    const scenes = collect(kept, "scene");
    for (const scene of scenes) scene.photos.sort((a, b) => a.time - b.time || a.n - b.n);
    return scenes.sort((a, b) => a.photos[0].time - b.photos[0].time || a.number - b.number);
  }

  /** Return what lies near a threshold: each pair once, least certain first. */
  borderline() {
    const { duplicate_threshold: duplicate, scene_threshold: scene } = this.about;
    const near = (cosine, threshold) =>
      cosine !== null && Math.abs(cosine - threshold) <= BORDER + 1e-9;
    const removed = this.photos.filter((row) => near(row.cosine_to_keeper, duplicate));
    // The duplicates of a keeper are listed themselves.
    const alone = (row) => !row.keeper && !row.copies && near(row.nearest_cosine, duplicate);
    const kept = this.photos.filter((row) => alone(row) && !this.isSecondOfPair(row));
    const likest = (row) => this.sceneCosine(row);
    const scenes = this.photos.filter((row) => !row.keeper && near(likest(row), scene));
    const byDistance = (cosine, threshold) => (a, b) =>
      Math.abs(cosine(a) - threshold) - Math.abs(cosine(b) - threshold) || a.n - b.n;
    removed.sort(byDistance((row) => row.cosine_to_keeper, duplicate));
    kept.sort(byDistance((row) => row.nearest_cosine, duplicate));
    scenes.sort(byDistance(likest, scene));
    return { removed, kept, scenes };
  }

  /** Return whether a photo and the one most like it are a pair, and the other stands before it. */
  isSecondOfPair(row) {
    const other = this.counterpart(row);
    return Boolean(other) && !other.keeper && other.n < row.n && this.counterpart(other) === row;
  }

  /** Return the photo to compare one with: its keeper, or the one most like it. */
  counterpart(row) {
    const path = row.keeper || row.compared_with;
    return path ? this.byPath.get(path) : undefined;
  }

  /** Return the cosine between a photo and its counterpart, if the rows tell it. */
  likeness(row) {
    return row.keeper ? row.cosine_to_keeper : row.nearest_cosine;
  }

  /** Return the cosine that counts for scenes, between a photo and the one most like it. */
  sceneCosine(row) {
    return this.sceneCosines ? row.nearest_scene_cosine : row.nearest_cosine;
  }

  /** Return whether a person said that a photo and its counterpart are no duplicates. */
  isApart(row) {
    const other = this.counterpart(row);
    const pair = other && [row.digest, other.digest].sort().join(" ");
    return Boolean(pair) && !row.keeper && this.apart.has(pair);
  }

  /** Return the bytes that deleting some rows frees: those of a file once all its names go. */
  freed(rows) {
    const going = new Set(rows);
    let bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    for (const names of this.linked) {
      const count = names.filter((row) => going.has(row)).length;
      bytes -= names[0].bytes * (count - (count === names.length ? 1 : 0));
    }
    return bytes;
  }

  /** Return whether a photo is one that stays while others of its group go. */
  isKeeper(row) {
    return row.duplicate_group !== null && (row.action === "keep" || row.copies > 0);
  }
}

/** Gather rows by a number that they have, in order of the numbers. */
function collect(rows, name) {
  const gathered = new Map();
  for (const row of rows) {
    if (row[name] === null) continue;
    if (!gathered.has(row[name])) gathered.set(row[name], []);
    gathered.get(row[name]).push(row);
  }
  return [...gathered]
    .map(([number, photos]) => ({ number, photos }))
    .sort((a, b) => a.number - b.number);
}

function splitPath(path) {
  const end = path.lastIndexOf("/") + 1;
  return { folder: path.slice(0, Math.max(0, end - 1)), name: path.slice(end) };
}

/** Quote a path for an address; a lone surrogate stands for a byte that is no UTF-8. */
function quotePath(path) {
  const quote = (character) =>
    /^[\udc80-\udcff]$/.test(character)
      ? `%${(character.charCodeAt(0) - 0xdc00).toString(16)}`
      : encodeURIComponent(character);
  return path
    .split("/")
    .map((part) => [...part].map(quote).join(""))
    .join("/");
}

// What browsers show themselves; of anything else the thumbnail has to do.
const SHOWN = /\.(jpe?g|jpe|jfif|png|webp|gif|avif|bmp)$/i;

/** Return the address of a file where it was found: its path begins with the label of its folder. */
function inputAddress(urls, path) {
  for (const [label, url] of Object.entries(urls)) {
    if (!label) return `${url}/${quotePath(path)}`;
    if (path.startsWith(`${label}/`)) return `${url}/${quotePath(path.slice(label.length + 1))}`;
  }
  return `file://${quotePath(path)}`;
}

/** Return the addresses of thumbnails and photos, beside the page or on its server. */
function addresses(model) {
  const { about } = model;
  const beside = {
    thumb: ({ digest }) => `.dupimg/thumbs/${digest.slice(0, 2)}/${digest}.jpg`,
    photo: (row) =>
      about.state === "applied" && row.destination
        ? quotePath(row.destination)
        : row.earlier
          ? quotePath(row.earlier)
          : inputAddress(about.input_urls, row.path),
    shown: (row) => SHOWN.test(row.path),
  };
  const served = {
    thumb: ({ digest }) => `thumb/${digest}.jpg`,
    photo: ({ n }) => `photo/${n}`,
    shown: () => true,
  };
  return about.review ? served : beside;
}
