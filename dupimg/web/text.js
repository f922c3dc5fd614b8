/* Words, numbers and dates in the reader's language. */

const TEXTS = JSON.parse(document.getElementById("text").textContent);

const words = { language: "en", locale: "en", formats: {}, templates: {} };

/** Remember a small choice of the reader; a browser may forbid it. */
function remember(key, value) {
  try {
    localStorage.setItem(`dupimg.${key}`, value);
  } catch {
    // The choice holds for as long as the page is open.
  }
}

function remembered(key) {
  try {
    return localStorage.getItem(`dupimg.${key}`);
  } catch {
    return null;
  }
}

function chosenLanguage() {
  const known = remembered("language");
  if (known in TEXTS) return known;
  const wanted = navigator.languages.find((tag) => /^(en|zh)\b/i.test(tag)) ?? "en";
  return wanted.startsWith("zh") ? "zh-CN" : "en";
}

function setLanguage(language) {
  words.language = language;
  words.templates = {};
  // A reader of English may be used to the dates of Britain, India or Canada.
  const tongue = language.slice(0, 2);
  const locale = navigator.languages.find((tag) => tag.startsWith(tongue)) ?? language;
  words.locale = locale;
  const number = (options) => new Intl.NumberFormat(locale, options);
  // Times are what a clock showed, counted as if it had shown UTC.
  const date = (options) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
  words.plural = new Intl.PluralRules(language);
  words.formats = {
    number: number(),
    cosine: number({ minimumFractionDigits: 4, maximumFractionDigits: 4 }),
    threshold: number({ minimumFractionDigits: 2, maximumFractionDigits: 4 }),
    megapixels: number({ maximumSignificantDigits: 3 }),
    day: date({ dateStyle: "medium" }),
    time: date({ timeStyle: "medium" }),
    minute: date({ timeStyle: "short" }),
    moment: date({ dateStyle: "medium", timeStyle: "medium" }),
    range: date({ dateStyle: "medium", timeStyle: "short" }),
    short: date({ month: "short", day: "numeric", hour: "numeric", minute: "2-digit" }),
    date: date({ month: "short", day: "numeric" }),
    dated: date({ year: "2-digit", month: "numeric", day: "numeric" }),
    tenths: number({ maximumFractionDigits: 1 }),
  };
  for (const unit of ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"]) {
    const digits = unit === "byte" ? 0 : 1;
    words.formats[unit] = number({ style: "unit", unit, maximumFractionDigits: digits });
  }
  document.documentElement.lang = language;
}

/** Return the words for a key, with `{name}` replaced and the plural chosen by `count`. */
function t(key, values = {}) {
  const entry = TEXTS[words.language][key];
  const sentence =
    typeof entry === "string" ? entry : (entry[words.plural.select(values.count)] ?? entry.other);
  return sentence.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? formatNumber(values[name]) : values[name],
  );
}

function formatNumber(value) {
  return words.formats.number.format(value);
}

function formatCosine(value) {
  return words.formats.cosine.format(value);
}

function formatThreshold(value) {
  return words.formats.threshold.format(value);
}

/** Write a threshold in percent, as tiles write how alike photos are. */
function thresholdPercent(value) {
  return t("percent", { percent: words.formats.tenths.format(100 * value) });
}

/** Write a cosine in percent, rounded down: 100 is for what is the same. */
function formatPercent(cosine) {
  return formatNumber(Math.floor(100 * cosine + 1e-9));
}

/** Write a cosine, or a difference of two, in percent with a decimal. */
function formatTenths(cosine) {
  return words.formats.tenths.format(Math.floor(1000 * cosine + 1e-6) / 10);
}

function formatBytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(value || 1) / 3)));
  // A number and its unit stay in one line.
  return words.formats[units[step]].format(value / 1000 ** step).replace(" ", "\u00a0");
}

function formatPixels(row) {
  return `${row.width} × ${row.height}`;
}

function formatMegapixels(row) {
  const millions = (row.width * row.height) / 1e6;
  return t("megapixels", { number: words.formats.megapixels.format(millions) });
}

/** Write when a photo was taken. */
function formatMoment(row, format = "moment") {
  return Number.isNaN(row.time) ? "" : words.formats[format].format(row.time);
}

/** Write when a photo was taken, and mark a date that is only the file's. */
function formatTaken(row, format = "moment") {
  const moment = formatMoment(row, format);
  return row.taken_from === "file" ? t("taken.of_file", { moment }) : moment;
}

/** Say a value of a message; rules have names. */
function wordOf(name, value) {
  const key = `${name}.name.${value}`;
  return key in TEXTS[words.language] ? t(key) : say(value);
}

/** Say a message of Python, `[code, values]`, in the reader's language; a string is a name.
 *
 * Where that names an option, the pages have words of their own. */
function say(message) {
  if (typeof message === "string") return visible(message);
  const [code, values = {}] = message;
  const said = Object.entries(values).map(([name, value]) =>
    [name, typeof value === "number" ? value : wordOf(name, value)]);
  const own = `page.${code}`;
  return t(own in TEXTS[words.language] ? own : code, Object.fromEntries(said));
}

/** Say why a file stays or goes. */
function formatReason({ reason }) {
  return reason ? say(reason) : "";
}

/** Say why a photo stays or goes; the verdict of a second look tells more than its likeness. */
function formatWhy(row) {
  const parts = partsOf(row.reason);
  // Only then the second look was at the keeper that it has now.
  const looked = row.keeper && row.verdict && row.compared_with === row.keeper;
  if (!looked || row.failed || parts.some(([code]) => BY_HAND.includes(code))) return formatReason(row);
  const rest = parts.filter(([code]) => !LIKENESS.includes(code));
  return [t(`verdict.${row.verdict}`), ...rest.map(say)].join(t("reason.separator"));
}

/** Return whether a photo is recommended among shots of one moment. */
const isBestShot = (row) =>
  row.action !== "remove" && partsOf(row.reason).some(([code]) => code === "reason.best_shot");

const LIKENESS = [
  "identical_bytes", "identical_pixels", "copy", "cropped_copy", "edited_copy", "near_duplicate",
  "similar",
].map((name) => `reason.${name}`);
const BY_HAND = ["reason.by_hand", "reason.by_hand_because"];

/** Return the reasons that one is put together from. */
function partsOf(reason) {
  if (!reason) return [];
  const [code, values] = reason;
  return code === "reason.both" ? [values.first, values.second].flatMap(partsOf) : [reason];
}
