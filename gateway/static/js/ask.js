// Questions about the material: answers stream in with their citations.
import { events } from "./api.js";
import { byId, el, say } from "./dom.js";
import { failure } from "./i18n.js";
import { opensSource } from "./source.js";

export function startAsking(documents, showGraph) {
  const form = byId("ask-form");
  const button = byId("ask-button");
  let running = null;
  byId("question").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return running.abort();
    const question = byId("question").value.trim();
    if (!question) return;
    running = new AbortController();
    say(button, "stop");
    await ask(question, documents.selection(), running.signal, showGraph);
    running = null;
    say(button, "ask_button");
  });
}

async function ask(question, documentIds, signal, showGraph) {
  const answer = new Answer(question, showGraph);
  byId("answers").prepend(answer.node);
  const body = { question, filter: { document_ids: documentIds } };
  try {
    for await (const event of events("POST", "/api/v1/answer", { body, signal })) answer.take(event);
    answer.end();
  } catch (error) {
    if (signal.aborted) answer.end("answer_stopped");
    else answer.fail(error);
  }
}

class Answer {
  #text = "";
  #sources = [];
  #cited = new Map(); // Place of a citing mark → the sentence that supports it.
  #drawing = false;
  #drawn = [];
  #showGraph;

  constructor(question, showGraph) {
    this.question = question;
    this.#showGraph = showGraph;
    this.body = el("p", { class: "text", "aria-live": "polite" });
    this.foot = el("p", { class: "foot" }, el("span", { i18n: "looking" }));
    this.node = el("article", { class: "answer writing" }, el("p", { class: "asked" }, question), this.body, this.foot);
  }

  take({ name, data }) {
    if (name === "sources") this.#sources = data.sources;
    else if (name === "delta") {
      if (!this.#text) this.foot.replaceChildren();
      this.#text += data.text;
    } else if (name === "citation") this.#cited.set(data.answer_start, data.source);
    else if (name === "restarted") {
      this.#text = "";
      this.#cited.clear();
    }
    else if (name === "done") this.#done(data);
    this.#draw();
  }

  #done({ outcome, text, usage, model, model_reason: reason, model_message: message }) {
    this.#text = text || this.#text;
    if (outcome === "ANSWER_OUTCOME_NOT_IN_MATERIAL") {
      this.body.before(el("p", { class: "absent", i18n: "not_in_material" }));
      this.body.hidden = true;
    }
    const tokens = Number(usage?.total_tokens ?? 0);
    this.foot.replaceChildren(
      ...(reason ? [el("span", { class: "absent", i18n: "answer_failed", vars: { message: failure(reason, message) } })] : []),
      ...(model ? [el("span", {}, model)] : []),
      ...(tokens ? [el("span", { i18n: "usage", vars: { tokens } })] : []),
      ...this.#graphButton(),
    );
  }

  /** What the cited passages speak of; nothing where none is cited. */
  #graphButton() {
    const cited = [...this.#cited.values()].filter((source) => source.chunk_id);
    if (!cited.length) return [];
    const each = (name) => [...new Set(cited.map((source) => source[name]))];
    const title = { key: "graph_of_answer", vars: { question: this.question } };
    const show = () => this.#showGraph(title, each("document_id"), each("chunk_id"));
    return [el("button", { type: "button", class: "quiet to-graph", i18n: "graph", on: { click: show } })];
  }

  end(note) {
    this.node.classList.remove("writing");
    if (note) this.foot.replaceChildren(el("span", { i18n: note }));
  }

  fail(error) {
    this.end();
    this.foot.replaceChildren(el("span", { class: "absent" }, error.message));
  }

  #draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#drawTail();
    });
  }

  /** Text only grows at its end: what is drawn stays, so that a mark keeps the reader's focus. */
  #drawTail() {
    const pieces = this.#text.split(/(\[\d+\])/);
    let place = 0; // In code points, as citations count.
    pieces.forEach((piece, index) => {
      if (this.#drawn[index] !== piece) {
        const node = this.#nodeOf(piece, place);
        if (index < this.#drawn.length) this.body.childNodes[index].replaceWith(node);
        else this.body.append(node);
        this.#drawn[index] = piece;
      }
      place += Array.from(piece).length;
    });
    while (this.#drawn.length > pieces.length) {
      this.body.lastChild.remove();
      this.#drawn.pop();
    }
  }

  #nodeOf(piece, place) {
    const number = /^\[(\d+)\]$/.exec(piece)?.[1];
    if (!number || !this.#sources[number - 1]) return document.createTextNode(piece);
    const mark = el("button", { type: "button", class: "cite" }, number);
    opensSource(mark, () => this.#cited.get(place) ?? this.#sources[number - 1]);
    return mark;
  }
}
