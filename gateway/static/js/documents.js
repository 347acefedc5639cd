// The list of documents, which of them are selected, and their live progress.
import { followed, get, remove } from "./api.js";
import { byId, el, say, tell } from "./dom.js";
import { t } from "./i18n.js";

const STATE = "DOCUMENT_STATE_";
const BUSY = ["DOCUMENT_STATE_QUEUED", "DOCUMENT_STATE_PROCESSING"];

async function* stored() {
  let token = "";
  do {
    const page = await get(`/api/v1/documents?page_size=200&page_token=${encodeURIComponent(token)}`);
    yield* page.documents;
    token = page.next_page_token;
  } while (token);
}

export class Documents {
  #list;
  #empty;
  #rows = new Map();
  onGraph = () => {};
  onAnalyze = () => {};

  constructor(list, empty) {
    this.#list = list;
    this.#empty = empty;
    this.#changed();
  }

  /** Every document's row from the server, page after page. */
  async load() {
    try {
      for await (const found of stored()) this.add(found, { last: true });
    } catch (error) {
      tell(error.message, 10);
    }
  }

  /** What is said of the documents once more, in the language that the reader chose. */
  async refresh() {
    try {
      for await (const found of stored()) {
        const row = this.#rows.get(found.document_id);
        if (row && !BUSY.includes(found.state)) this.#show(row, found);
      }
    } catch (error) {
      tell(error.message, 10);
    }
  }

  /** The document once its job has ended; throws what the document says where it failed. */
  async settled(id) {
    const found = await this.#rows.get(id).settled;
    if (found.state !== `${STATE}INDEXED`) throw new Error(found.failure?.message ?? found.state);
    return found;
  }

  /** Ids of what may be asked about: the selected ones that are indexed; none means all of them. */
  selection() {
    return [...this.#rows.values()].filter((row) => row.indexed && row.box.checked).map((row) => row.id);
  }

  /** Ids of all that is indexed. */
  indexed() {
    return [...this.#rows.values()].filter((row) => row.indexed).map((row) => row.id);
  }

  /** A row for a file on its way; `stored` replaces it by the document. */
  addUpload(name) {
    const node = this.#node(name);
    node.bar.hidden = false;
    node.box.disabled = true;
    node.removal.hidden = true;
    this.#list.prepend(node.item);
    this.#empty.hidden = true;
    return {
      progress(loaded, total) {
        node.bar.max = total || 1;
        node.bar.value = loaded;
        say(node.state, "state_uploading", { percent: Math.floor((100 * loaded) / (total || 1)) });
      },
      stored: (found) => {
        node.item.remove();
        this.add(found);
      },
      gone: () => {
        node.item.remove();
        this.#changed();
      },
      failed: (error) => {
        node.item.classList.add("failed");
        node.bar.hidden = true;
        node.removal.hidden = false;
        node.removal.addEventListener("click", () => node.item.remove());
        say(node.state, "state_failed", { message: error.detail ?? error.message });
      },
    };
  }

  add(found, { last = false } = {}) {
    if (this.#rows.has(found.document_id)) return;
    const row = { ...this.#node(found.name), id: found.document_id, indexed: false, watching: new AbortController() };
    row.box.addEventListener("change", () => this.#changed());
    row.removal.addEventListener("click", () => this.#remove(row, found.name));
    row.graph.addEventListener("click", () => this.onGraph(row.id, found.name));
    row.analyze.addEventListener("click", () => this.onAnalyze(row.id, found.name));
    row.settled = new Promise((resolve) => { row.settle = resolve; });
    this.#rows.set(row.id, row);
    if (last) this.#list.append(row.item);
    else this.#list.prepend(row.item);
    this.#show(row, found);
    if (BUSY.includes(found.state)) this.#watch(row);
  }

  #node(name) {
    const box = el("input", { type: "checkbox", "data-i18n-label": "select" });
    const removal = el("button", { type: "button", class: "remove", "data-i18n-label": "remove" }, "×");
    const graph = el("button", { type: "button", class: "to-graph", i18n: "graph", hidden: true, "data-i18n-label": "graph_of" });
    const analyze = el("button", { type: "button", class: "to-analysis", i18n: "analyze", hidden: true, "data-i18n-label": "analyze_of" });
    for (const node of [box, removal, graph, analyze]) {
      node.dataset.i18nVars = JSON.stringify({ name });
      node.setAttribute("aria-label", t(node.dataset.i18nLabel, { name }));
    }
    const state = el("span", { class: "state" });
    const bar = el("progress", { hidden: true, "aria-label": name });
    const notes = el("ul", { class: "notes" });
    const item = el("li", {}, box, el("span", { class: "name" }, name), removal, state, el("span", { class: "tools" }, analyze, graph), notes, bar);
    return { box, removal, state, graph, analyze, notes, bar, item };
  }

  #show(row, found) {
    row.indexed = found.state === `${STATE}INDEXED`;
    row.box.disabled = !row.indexed;
    row.graph.hidden = row.analyze.hidden = !row.indexed;
    row.found = found;
    if (!BUSY.includes(found.state)) row.settle(found);
    row.item.classList.toggle("failed", found.state === `${STATE}FAILED`);
    if (!BUSY.includes(found.state)) row.bar.hidden = true;
    const count = found.page_count > 0 ? { key: "pages", vars: { count: found.page_count } } : { key: "passages", vars: { count: found.chunk_count } };
    const key = found.state.replace(STATE, "state_").toLowerCase();
    say(row.state, key, { details: count, message: found.failure?.message ?? "" });
    this.#changed();
  }

  async #watch(row) {
    try {
      for await (const event of followed(`/api/v1/documents/${row.id}/events`, ["indexed", "failed"], row.watching.signal)) {
        if (event.name !== "progress") break;
        const { stage, done, total } = event.data;
        row.bar.hidden = false;
        if (Number(total)) {
          row.bar.max = Number(total);
          row.bar.value = Number(done);
        } else row.bar.removeAttribute("value");
        say(row.state, stage.toLowerCase(), { done, total: Number(total) || "…" });
      }
      this.#show(row, (await get(`/api/v1/documents/${row.id}`)).document);
    } catch (error) {
      if (!row.watching.signal.aborted) tell(error.message);
    }
  }

  async #remove(row, name) {
    if (!confirm(t("confirm_remove", { name }))) return;
    try {
      await remove(`/api/v1/documents/${row.id}`);
      row.watching.abort();
      row.item.remove();
      this.#rows.delete(row.id);
      this.#changed();
    } catch (error) {
      tell(error.message);
    }
  }

  /** What should be known of each document: how it was read, and which other one is the same file. */
  #note() {
    const oldest = new Map();
    const rows = [...this.#rows.values()].sort((one, other) => one.found.create_time.localeCompare(other.found.create_time));
    for (const row of rows) {
      const first = oldest.get(row.found.sha256);
      oldest.set(row.found.sha256, first ?? row.found);
      row.notes.replaceChildren(
        ...(first ? [el("li", { i18n: "same_file", vars: { name: first.name } })] : []),
        ...(row.found.warnings ?? []).map((warning) => el("li", { class: "warning" }, warning.message)));
    }
  }

  #changed() {
    this.#note();
    this.#empty.hidden = this.#list.children.length > 0;
    const selected = this.selection().length;
    const key = selected ? "scope_some" : this.indexed().length ? "scope_all" : "scope_none";
    for (const id of ["ask-scope", "generate-scope", "graph-scope"]) say(byId(id), key, { count: selected });
  }
}
