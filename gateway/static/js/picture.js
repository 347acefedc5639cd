// The graph as a picture. The library is loaded with the first one.
import { KINDS, cornersOf } from "./kinds.js";

const STRONGEST = 2; // Lines that each entity keeps at least; all of them would be a ball of wool.
const BESIDE = 56; // Pixels that are kept free for the labels of what lies at an edge.
const ABOVE = 66; // The buttons lie there.
const BELOW = 44;
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Draws entities and the pairs among them into an element; `onNode` and `onPair` hear what is clicked on. */
export async function draw(container, entities, pairs, { onNode, onPair }) {
  const { default: cytoscape } = await import("../vendor/cytoscape/cytoscape.esm.min.mjs");
  const shown = strongest(pairs);
  const most = Math.max(1, ...entities.map((entity) => entity.mentions));
  const widest = Math.max(1, ...shown.map((pair) => pair.sentences));
  container.replaceChildren();
  const graph = cytoscape({
    container,
    elements: [
      ...entities.map((entity, index) => ({
        data: {
          id: entity.id, name: entity.name, kind: entity.kind, order: entities.length - index,
          size: 9 + 25 * Math.sqrt(entity.mentions / most),
        },
        // Always the same beginning, so that the same graph is always the same picture.
        position: { x: 40 * Math.sqrt(index) * Math.cos(index * GOLDEN_ANGLE), y: 40 * Math.sqrt(index) * Math.sin(index * GOLDEN_ANGLE) },
      })),
      ...shown.map((pair) => ({
        data: {
          id: pair.key, source: pair.from, target: pair.to, width: 1 + 3 * Math.sqrt(pair.sentences / widest),
          directed: pair.directed ? 1 : 0,
        },
      })),
    ],
    style: styles(),
    layout: {
      name: "cose", animate: false, randomize: false, fit: true, padding: 24, numIter: 1500, nodeRepulsion: () => 14000,
      idealEdgeLength: () => 70, nodeOverlap: 24, componentSpacing: 60, nodeDimensionsIncludeLabels: true, gravity: 0.6,
    },
    minZoom: 0.2,
    maxZoom: 4,
    boxSelectionEnabled: false,
    // The page scrolls with the wheel; the picture has buttons.
    userZoomingEnabled: false,
  });
  graph.nodes().forEach((node) => node.data("laid", { ...node.position() }));
  fill(graph);
  graph.on("zoom", () => label(graph));
  graph.on("tap", "node", (event) => onNode(event.target.id()));
  graph.on("tap", "edge", (event) => onPair(event.target.id()));
  graph.on("mouseover", "node, edge", () => container.classList.add("pointing"));
  graph.on("mouseout", "node, edge", () => container.classList.remove("pointing"));
  const restyle = () => {
    graph.style(styles());
    label(graph);
  };
  const watching = new ResizeObserver(() => {
    graph.resize();
    fill(graph);
  });
  dark.addEventListener("change", restyle);
  watching.observe(container);
  return {
    count: shown.length,
    /** Marks an entity or a pair, and what it touches; null marks nothing. */
    mark(id) {
      graph.elements().removeClass("marked near far");
      const chosen = id === null ? graph.collection() : graph.getElementById(id);
      if (chosen.empty()) return;
      const near = chosen.isNode() ? chosen.closedNeighborhood() : chosen.union(chosen.connectedNodes());
      graph.elements().difference(near).addClass("far");
      near.addClass("near");
      chosen.addClass("marked");
    },
    zoom(factor) {
      const middle = { x: graph.width() / 2, y: graph.height() / 2 };
      graph.zoom({ level: graph.zoom() * factor, renderedPosition: middle });
    },
    fit: () => fill(graph),
    end() {
      dark.removeEventListener("change", restyle);
      watching.disconnect();
      graph.destroy();
    },
  };
}

/** Spreads the graph over the whole picture. */
function fill(graph) {
  const nodes = graph.nodes();
  const [width, height] = [graph.width() - 2 * BESIDE, graph.height() - ABOVE - BELOW];
  if (width <= 0 || height <= 0) return;
  graph.batch(() => nodes.positions((node) => ({ ...node.data("laid") })));
  const laid = boxOf(nodes);
  // A few names may lie in a row, which has to stay one.
  const stretch = Math.min(2, Math.max(0.6, (width / height) * (laid.h / Math.max(laid.w, 1))));
  graph.batch(() => nodes.positions((node) => ({ x: node.data("laid").x * stretch, y: node.data("laid").y })));
  const { w, h, x, y } = boxOf(nodes);
  const zoom = Math.min(1.6, width / Math.max(w, 1), height / Math.max(h, 1));
  graph.viewport({ zoom, pan: { x: graph.width() / 2 - zoom * x, y: (graph.height() + ABOVE - BELOW) / 2 - zoom * y } });
  const unit = 1 / graph.zoom();
  graph.batch(() => nodes.forEach((node) => node.style({ width: node.data("size") * unit, height: node.data("size") * unit })));
  graph.edges().forEach((edge) => edge.style("width", edge.data("width") * unit));
  label(graph);
}

/** Size and middle of what the middles of nodes span. */
function boxOf(nodes) {
  const [[left, right], [top, bottom]] = ["x", "y"].map((axis) => {
    const places = nodes.map((node) => node.position(axis));
    return [Math.min(...places), Math.max(...places)];
  });
  return { w: right - left, h: bottom - top, x: (left + right) / 2, y: (top + bottom) / 2 };
}

/** Keeps labels as large as text is, and hides those that would lie on the label of an entity that is mentioned more. */
function label(graph) {
  const unit = 1 / graph.zoom();
  const nodes = graph.nodes().sort((one, other) => other.data("size") - one.data("size"));
  graph.batch(() => nodes.forEach((node) => {
    node.style({ "font-size": 13 * unit, "text-margin-y": 3 * unit, "text-outline-width": 2.5 * unit, "text-max-width": 150 * unit });
  }));
  const taken = [];
  nodes.forEach((node) => {
    const box = node.boundingBox({ includeNodes: false, includeEdges: false, includeLabels: true });
    const free = taken.every((other) => box.x2 < other.x1 || other.x2 < box.x1 || box.y2 < other.y1 || other.y2 < box.y1);
    if (free) taken.push(box);
    node.toggleClass("unlabeled", !free);
  });
}

/** The pairs that are among the strongest of one of their ends. */
function strongest(pairs) {
  const kept = new Map();
  return pairs.filter(({ from, to }) => {
    const counts = [from, to].map((id) => kept.get(id) ?? 0);
    if (Math.min(...counts) >= STRONGEST) return false;
    [from, to].forEach((id, index) => kept.set(id, counts[index] + 1));
    return true;
  });
}

function styles() {
  const look = getComputedStyle(document.documentElement);
  const color = (name) => look.getPropertyValue(`--${name}`).trim();
  return [
    {
      selector: "node",
      style: {
        shape: "polygon", label: "data(name)", color: color("ink"),
        "font-family": getComputedStyle(document.body).fontFamily, "text-valign": "bottom", "text-wrap": "ellipsis",
        "z-index": "data(order)", "text-outline-color": color("paper"), "border-width": 1.5, "border-color": color("paper"),
        "overlay-opacity": 0,
      },
    },
    ...KINDS.map((kind) => ({
      selector: `node[kind = "${kind}"]`,
      style: { "background-color": color(`kind-${kind}`), "shape-polygon-points": cornersOf(kind) },
    })),
    {
      selector: "edge",
      style: { "line-color": color("thread"), "curve-style": "straight", "overlay-opacity": 0 },
    },
    {
      selector: "edge[directed = 1]",
      style: { "target-arrow-shape": "triangle", "target-arrow-color": color("thread"), "curve-style": "bezier", "arrow-scale": 0.8 },
    },
    { selector: ".unlabeled", style: { "text-opacity": 0 } },
    { selector: "node.near", style: { "text-opacity": 1, "z-index": 998 } },
    { selector: ".far", style: { opacity: 0.25 } },
    { selector: "edge.near", style: { "line-color": color("soft"), "target-arrow-color": color("soft") } },
    { selector: "node.marked", style: { "border-color": color("ink"), "border-width": 3, "font-weight": 700, "z-index": 999 } },
    { selector: "edge.marked", style: { "line-color": color("seal"), "target-arrow-color": color("seal") } },
  ];
}
