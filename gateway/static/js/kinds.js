// What an entity may be: each kind has a color and a shape, so that it can be told without either.
const SVG = "http://www.w3.org/2000/svg";

/** Corners of each kind's shape, from -1 to 1; what is none of these has the last one. */
const CORNERS = {
  term: round(20),
  person: [[0, -1], [0.9, 0], [0, 1], [-0.9, 0]],
  place: [[0, -1], [1, 0.85], [-1, 0.85]],
  organization: [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]],
  event: star(5),
  date: [[-1, -0.6], [0.45, -0.6], [1, 0], [0.45, 0.6], [-1, 0.6]],
  quantity: round(6),
  work: [[-0.55, -0.8], [1, -0.8], [0.55, 0.8], [-1, 0.8]],
  law: [[-0.4, -1], [0.4, -1], [1, -0.4], [1, 0.4], [0.4, 1], [-0.4, 1], [-1, 0.4], [-1, -0.4]],
  process: [[-1, -0.75], [0.3, -0.75], [1, 0], [0.3, 0.75], [-1, 0.75], [-0.35, 0]],
  other: [[-0.35, -1], [0.35, -1], [0.35, -0.35], [1, -0.35], [1, 0.35], [0.35, 0.35], [0.35, 1], [-0.35, 1], [-0.35, 0.35],
    [-1, 0.35], [-1, -0.35], [-0.35, -0.35]],
};

export const KINDS = Object.keys(CORNERS);

/** The kind that is drawn for one that an entity has; callers of the API may use words of their own. */
export const drawnKind = (kind) => (Object.hasOwn(CORNERS, kind) ? kind : kind ? "other" : "term");

/** Corners of a kind's shape as one flat list. */
export const cornersOf = (kind) => CORNERS[kind].flat();

/** A small picture of a kind, for legends and lists. */
export function symbolOf(kind) {
  const picture = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ class: "symbol", viewBox: "-1.25 -1.25 2.5 2.5", "aria-hidden": "true" })) {
    picture.setAttribute(name, value);
  }
  const shape = document.createElementNS(SVG, "polygon");
  shape.setAttribute("points", CORNERS[kind].map((corner) => corner.join(",")).join(" "));
  shape.setAttribute("class", `kind-${kind}`);
  picture.append(shape);
  return picture;
}

function round(count) {
  return Array.from({ length: count }, (_, index) => at((2 * Math.PI * index) / count, 1));
}

function star(count) {
  return Array.from({ length: 2 * count }, (_, index) => at((Math.PI * index) / count, index % 2 ? 0.48 : 1));
}

function at(angle, radius) {
  return [Math.sin(angle), -Math.cos(angle)].map((value) => Math.round(1000 * radius * value) / 1000);
}
