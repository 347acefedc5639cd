// The graph of documents or of an answer: a picture, the same as lists, and the sentences behind both.
import { post } from "./api.js";
import { byId, el, say } from "./dom.js";
import { drawnKind, symbolOf } from "./kinds.js";
import { draw } from "./picture.js";
import { opensSource } from "./source.js";

const MOST = 60;
const FEW = 20; // Names and connections that are listed at first.

/** What to say where there is no graph, by the reason of the refusal. */
const REFUSALS = { GRAPH_OFF: "graph_off", GRAPH_UNAVAILABLE: "graph_down", GRAPH_TIMEOUT: "graph_down" };

export class GraphPanel {
  #turn = 0;
  #picture = null;
  #entities = new Map();
  #pairs = new Map();
  #returnTo = null;

  constructor(documents) {
    byId("graph-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const ids = documents.selection();
      this.show({ key: ids.length ? "graph_of_some" : "graph_of_all", vars: { count: ids.length } }, ids);
    });
    for (const [id, act] of Object.entries({
      "graph-in": () => this.#picture?.zoom(1.3), "graph-out": () => this.#picture?.zoom(1 / 1.3), "graph-fit": () => this.#picture?.fit(),
    })) byId(id).addEventListener("click", act);
    byId("graph-detail").addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !byId("source").hidden) return;
      this.#returnTo?.focus();
      this.#choose(null);
    });
  }

  /** Shows what documents speak of, or some chunks of them; `title` is a key and variables. */
  async show(title, documentIds, chunkIds = []) {
    const turn = (this.#turn += 1);
    this.#clear();
    byId("graph").hidden = false;
    say(byId("graph-title"), title.key, title.vars);
    this.#note("graph_loading");
    try {
      const body = { document_ids: documentIds.slice(0, 256), chunk_ids: chunkIds.slice(0, 100), limit: MOST };
      const found = await post("/api/v1/graph:survey", body);
      if (turn === this.#turn) await this.#draw(found, turn);
    } catch (error) {
      if (turn !== this.#turn) return;
      byId("graph-body").hidden = true;
      const key = REFUSALS[error.reason] ?? (error.status >= 500 ? "graph_down" : "graph_failed");
      this.#note(key, { message: error.message });
    }
  }

  async #draw({ entities, relations, truncated, present }, turn) {
    if (!entities.length) return this.#note(present ? "graph_empty" : "graph_not_yet");
    for (const entity of entities) {
      this.#entities.set(entity.entity_id, {
        id: entity.entity_id, name: entity.name, kind: drawnKind(entity.kind), said: entity.kind, aliases: entity.aliases,
        mentions: Number(entity.mention_count), sources: entity.sources,
      });
    }
    for (const relation of relations) this.#relate(relation);
    const listed = [...this.#entities.values()];
    const pairs = [...this.#pairs.values()].sort((one, other) => other.sentences - one.sentences);
    byId("graph-body").hidden = false;
    this.#legend(listed);
    this.#list(listed, pairs);
    this.#choose(null);
    const picture = await draw(byId("graph-picture"), listed, pairs, {
      onNode: (id) => this.#choose(id), onPair: (id) => this.#choose(id),
    });
    if (turn !== this.#turn) return picture.end();
    this.#picture = picture;
    this.#note(truncated ? "graph_most" : "graph_all", { count: listed.length, shown: picture.count, total: pairs.length });
  }

  /** One line for each two entities, whatever is said of them and in which direction. */
  #relate(relation) {
    const { from_entity_id: from, to_entity_id: to } = relation;
    const key = [from, to].sort().join("-");
    const pair = this.#pairs.get(key) ?? { key, from, to, sentences: 0, directed: false, statements: [] };
    if (relation.predicate && !pair.directed) Object.assign(pair, { from, to, directed: true });
    pair.sentences = Math.max(pair.sentences, Number(relation.sentence_count));
    pair.statements.push(relation);
    this.#pairs.set(key, pair);
  }

  #clear() {
    this.#picture?.end();
    this.#picture = null;
    this.#returnTo = null;
    this.#entities.clear();
    this.#pairs.clear();
    byId("graph-body").hidden = true;
  }

  #note(key, vars) {
    say(byId("graph-note"), key, vars);
  }

  #legend(listed) {
    const counts = new Map();
    for (const { kind } of listed) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const sorted = [...counts].sort((one, other) => other[1] - one[1]);
    byId("graph-legend").replaceChildren(...sorted.map(([kind, count]) => el("li", {},
      symbolOf(kind), el("span", { i18n: `entity_${kind}` }), el("span", { class: "hint" }, String(count)))));
  }

  #list(listed, pairs) {
    fill("graph-entities", listed, (entity) => el("tr", {},
      el("td", {}, symbolOf(entity.kind), this.#opens(entity.id, entity.name)),
      el("td", {}, this.#kindOf(entity)),
      el("td", { class: "number" }, String(entity.mentions))));
    fill("graph-pairs", pairs, (pair) => el("tr", {},
      el("td", {}, this.#opens(pair.key, this.#titleOf(pair))),
      el("td", { class: "number" }, String(pair.sentences))));
    byId("graph-pairs-table").hidden = !pairs.length;
    byId("graph-no-pairs").hidden = pairs.length > 0;
  }

  /** A button that chooses an entity or a pair; the reader is taken to what it says. */
  #opens(id, text) {
    const button = el("button", { type: "button", class: "open" }, text);
    button.addEventListener("click", () => {
      this.#choose(id);
      this.#returnTo = button;
      byId("graph-chosen").focus({ preventScroll: true });
    });
    return button;
  }

  #choose(id) {
    const entity = this.#entities.get(id);
    const pair = this.#pairs.get(id);
    byId("graph-detail").replaceChildren(...(entity ? this.#entityDetail(entity) : pair ? this.#pairDetail(pair)
      : [el("p", { class: "hint", i18n: "graph_hint" })]));
    this.#picture?.mark(entity || pair ? id : null);
    // The first sentence comes into view, and the picture stays as long as there is room.
    if (entity || pair) byId("graph-detail").querySelector("blockquote")?.scrollIntoView({ block: "nearest" });
  }

  #entityDetail(entity) {
    const near = [...this.#pairs.values()].filter((pair) => pair.from === entity.id || pair.to === entity.id)
      .sort((one, other) => other.sentences - one.sentences).slice(0, FEW);
    return [
      el("h4", { id: "graph-chosen", tabindex: -1 }, symbolOf(entity.kind), entity.name),
      el("p", { class: "hint" }, this.#kindOf(entity), " · ", el("span", { i18n: "graph_mentions", vars: { count: entity.mentions } })),
      entity.aliases.length ? el("p", {}, el("span", { class: "hint", i18n: "graph_aliases" }), " ", entity.aliases.join("、")) : "",
      near.length ? el("p", { class: "hint", i18n: "graph_near" }) : "",
      el("p", { class: "near" }, ...near.map((pair) => this.#opens(pair.key, this.#nameOf(pair.from === entity.id ? pair.to : pair.from)))),
      ...this.#sentences(entity.sources),
    ];
  }

  #pairDetail(pair) {
    return [
      el("h4", { id: "graph-chosen", tabindex: -1 }, this.#titleOf(pair)),
      ...pair.statements.flatMap((said) => [
        said.predicate
          ? el("p", { class: "hint" }, `${this.#nameOf(said.from_entity_id)} → ${said.predicate} → ${this.#nameOf(said.to_entity_id)}`)
          : el("p", { class: "hint", i18n: "graph_together", vars: { count: Number(said.sentence_count) } }),
        ...this.#sentences(said.sources),
      ]),
    ];
  }

  #sentences(sources) {
    return sources.map((source) => {
      const place = source.page ? el("span", {}, " · ", el("span", { i18n: "page", vars: { page: source.page } })) : null;
      const name = source.document_name ? el("span", {}, source.document_name) : el("span", { i18n: "pasted" });
      const button = el("button", { type: "button", class: "where" }, name, place);
      opensSource(button, () => source);
      return el("blockquote", {}, source.quote, el("br"), button);
    });
  }

  #kindOf(entity) {
    return entity.kind === "other" ? el("span", {}, entity.said) : el("span", { i18n: `entity_${entity.kind}` });
  }

  #titleOf(pair) {
    return `${this.#nameOf(pair.from)} ${pair.directed ? "→" : "–"} ${this.#nameOf(pair.to)}`;
  }

  #nameOf(id) {
    return this.#entities.get(id)?.name ?? "";
  }
}

/** Fills a table with its first rows; a button below it brings the others. */
function fill(id, items, row) {
  const body = byId(id);
  const more = byId(`${id}-more`);
  body.replaceChildren(...items.slice(0, FEW).map(row));
  more.hidden = items.length <= FEW;
  say(more, "graph_more", { count: items.length - FEW });
  more.onclick = () => {
    more.hidden = true;
    body.append(...items.slice(FEW).map(row));
    body.rows[FEW].querySelector("button").focus();
  };
}
