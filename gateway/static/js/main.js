import { AnalysisPanel } from "./analysis.js";
import { startAsking } from "./ask.js";
import { byId } from "./dom.js";
import { Documents } from "./documents.js";
import { startExercises } from "./exercises.js";
import { GraphPanel } from "./graph.js";
import { startHealth } from "./health.js";
import { toggleLanguage, translate } from "./i18n.js";
import { startSourcePanel } from "./source.js";
import { startUploads } from "./upload.js";

const documents = new Documents(byId("documents"), byId("no-documents"));
const graph = new GraphPanel(documents);
const chooseTab = startTabs();
const showGraph = (...wanted) => {
  chooseTab(byId("tab-graph"));
  byId("tab-graph").focus();
  graph.show(...wanted);
};
const analysis = new AnalysisPanel(documents);
documents.onAnalyze = (id, name) => {
  chooseTab(byId("tab-analyze"));
  byId("tab-analyze").focus();
  analysis.show(id, name);
};
documents.onGraph = (id, name) => showGraph({ key: "graph_of", vars: { name } }, [id]);
startUploads(documents);
startAsking(documents, showGraph);
startExercises(documents);
startSourcePanel();
startHealth();
byId("language").dataset.i18n = "other_language";
byId("language").addEventListener("click", () => {
  toggleLanguage();
  documents.refresh();
});
translate();
await documents.load();

function startTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const choose = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      choose(next);
      next.focus();
    });
  });
  return choose;
}
