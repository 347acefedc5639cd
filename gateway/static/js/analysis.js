// What a file teaches: chosen here or in the list of documents, read by the model's provider or by Tiku's parser.
import { post, upload } from "./api.js";
import { byId, el, say } from "./dom.js";
import { opensSource } from "./source.js";

export class AnalysisPanel {
  #documents;
  #wanted = 0;

  constructor(documents) {
    this.#documents = documents;
    const input = byId("analyze-file");
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = "";
      if (file) this.#take(file);
    });
  }

  /** Analyzes an indexed document; a later choice takes its place. */
  async show(id, name) {
    const wanted = this.#begin("analyzing", { name });
    await this.#analyze(wanted, id, name);
  }

  /** Uploads a file, unless the same is here, waits until it can be found, and analyzes it. */
  async #take(file) {
    const wanted = this.#begin("analyzing", { name: file.name });
    const row = this.#documents.addUpload(file.name);
    let found;
    try {
      found = await upload(file, row.progress, { refuseDuplicate: true });
      row.stored(found);
      await this.#documents.settled(found.document_id);
    } catch (error) {
      if (error.reason !== "DUPLICATE_FILE") {
        if (!found) row.failed(error);
        this.#fail(wanted, error);
        return;
      }
      row.gone();
      found = error.metadata;
    }
    await this.#analyze(wanted, found.document_id, found.name);
  }

  async #analyze(wanted, id, name) {
    try {
      const { analysis, read_by: reader } = await post("/api/v1/exercises:analyzeFile", { document_id: id });
      if (wanted === this.#wanted) byId("analysis").replaceChildren(...shown(name, analysis, reader));
    } catch (error) {
      this.#fail(wanted, error);
    }
  }

  #begin(key, vars) {
    const stage = el("p", { class: "stage", role: "status", i18n: key, vars });
    byId("analysis").replaceChildren(el("section", { class: "run" }, stage, el("progress", {})));
    this.#wanted += 1;
    return this.#wanted;
  }

  #fail(wanted, error) {
    if (wanted !== this.#wanted) return;
    const message = el("p", { class: "absent", role: "status" });
    say(message, "analysis_failed", { message: error.detail ?? error.message });
    byId("analysis").replaceChildren(el("section", { class: "run" }, message));
  }
}

function shown(name, analysis, reader) {
  const points = analysis.key_points.map((point) => {
    const item = el("li", {}, `${point.text} `);
    if (point.source?.quote) {
      const button = el("button", { type: "button", class: "cite", i18n: "source" });
      opensSource(button, () => point.source);
      item.append(button);
    }
    return item;
  });
  const suggestions = analysis.suggestions.map((found) => el("li", {},
    el("strong", { i18n: found.kind.replace("QUESTION_KIND_", "kind_").toLowerCase() }),
    ` × ${found.count}`, found.reason ? el("span", { class: "hint" }, ` ${found.reason}`) : null));
  const byProvider = reader === "FILE_READER_PROVIDER";
  return [el("section", { class: "run analysis" },
    el("h3", { class: "title", i18n: "analysis_of", vars: { name } }),
    el("p", { class: "stage reader", i18n: byProvider ? "read_by_provider" : "read_by_tiku" }),
    el("p", { class: "hint facts" },
      el("span", { i18n: "level" }), ": ", el("span", { i18n: analysis.level.toLowerCase() }), " · ",
      el("span", { i18n: analysis.generator === "GENERATOR_MODEL" ? "found_by_model" : "found_by_cloze" }), " · ",
      el("span", { i18n: "analyzed_length", vars: { count: analysis.analyzed_length } })),
    el("h4", { i18n: "key_points" }),
    points.length ? el("ol", { class: "points" }, ...points) : el("p", { class: "hint", i18n: "analysis_none" }),
    ...(suggestions.length ? [el("h4", { i18n: "suggestions" }), el("ul", { class: "points" }, ...suggestions)] : []))];
}
