// Chinese and English; the browser's language decides until the reader does.
const TEXTS = {
  en: {
    tagline: "study material in, practice out", skip: "Skip to the work area", other_language: "中文",
    material: "Material", choose_files: "Choose files", drop_here: "or drop them here",
    formats: "PDF, PowerPoint, Word, HTML, Markdown, text", no_documents: "Nothing here yet. Start with a chapter or your slides.",
    work: "What to do", ask: "Ask", practice: "Practice",
    your_question: "Your question", question_placeholder: "What would you like to know from the material?", ask_button: "Ask",
    scope_all: "Looks in all of your material", scope_some: "Looks in {count} selected", scope_none: "No indexed material yet",
    stop: "Stop", source: "Source", close: "Close", page: "page {page}", whole_text: "The passage in its surroundings",
    pasted: "Pasted text", not_in_material: "The material does not hold the answer.", answer_stopped: "Stopped.",
    usage: "{tokens} tokens", model: "{model}", looking: "Looking through the material…",
    from: "Ask about", from_documents: "my material", from_text: "a text I paste", topic: "Topic (optional)",
    topic_placeholder: "Empty for an even spread", paste: "Text", kinds: "Kinds of questions", count: "Questions",
    made_by: "Made by", made_by_both: "model, then cloze", made_by_model: "model only", made_by_cloze: "cloze only",
    generate: "Make questions", generate_scope_none: "Select indexed material on the left, or all of it is used.",
    phase_reading: "Reading passages: {done} of {total}", phase_generating: "Questions: {done} of {total}", starting: "Starting…",
    run_done: "{count} questions: {model} by the model, {cloze} by cloze; {rejected} refused by the checks",
    run_cancelled: "Stopped with {count} questions.", run_failed: "Ended early: {message}", writing: "writing…",
    kind_single_choice: "Single choice", kind_multiple_choice: "Multiple choice", kind_true_false: "True or false",
    kind_fill_in_the_blank: "Fill in the blank", kind_short_answer: "Short answer",
    by_model: "by {model}", by_cloze: "cloze", points: "{points} pt", true: "True", false: "False", blank: "Blank {number}",
    your_answer: "Your answer", submit: "Hand in", try_again: "Try again", score: "{points} of {max}",
    needs_review: "{count} for a person to look at", answered: "{done} of {total} answered",
    verdict_correct: "Correct", verdict_partial: "Partly", verdict_incorrect: "Not correct",
    verdict_unanswered: "Not answered", verdict_needs_review: "Needs a look", verdict_unspecified: "Not graded",
    key: "Answer", explanation: "Why", feedback: "Feedback", show_source: "{name}, show in context",
    earlier: "Earlier exercises", questions_count: "{count} questions", remove: "Remove {name}", select: "Use {name}",
    confirm_remove: "Remove {name}? Its text, vectors and file go with it.", confirm_remove_exercise: "Remove this exercise and its answers?",
    state_uploading: "Uploading {percent} %", state_uploaded: "Stored", state_queued: "Waiting for a worker",
    state_processing: "Working…", state_indexed: "Ready · {details}", state_failed: "{message}",
    stage_queued: "Waiting for a worker", stage_parsing: "Reading pages {done}/{total}", stage_chunking: "Cutting into passages {done}/{total}",
    stage_indexing: "Indexing {done}/{total}", stage_done: "Ready", stage_failed: "Failed", stage_unspecified: "Working…",
    pages: "{count} pages", passages: "{count} passages", choose_kind: "Choose at least one kind of question.",
    disk_full: "The disk is full: nothing new can be stored. Make room, or remove documents or exercises; what is here can be read.",
    parts_down: "Not everything runs: {names}. What does not need it works.", unreachable: "Tiku does not answer.",
    nothing_indexed: "There is no indexed material yet.", need_text: "Paste some text first.",
  },
  zh: {
    tagline: "把学习材料变成练习", skip: "跳到工作区", other_language: "English",
    material: "学习材料", choose_files: "选择文件", drop_here: "或拖放到这里",
    formats: "PDF、PowerPoint、Word、HTML、Markdown、纯文本", no_documents: "还没有材料。先上传一章课文或一份课件吧。",
    work: "要做什么", ask: "提问", practice: "练习",
    your_question: "你的问题", question_placeholder: "想从材料里了解什么？", ask_button: "提问",
    scope_all: "在全部材料中查找", scope_some: "在选中的 {count} 份材料中查找", scope_none: "还没有可用的材料",
    stop: "停止", source: "出处", close: "关闭", page: "第 {page} 页", whole_text: "原文上下文",
    pasted: "粘贴的文本", not_in_material: "材料中没有这个问题的答案。", answer_stopped: "已停止。",
    usage: "{tokens} 个词元", model: "{model}", looking: "正在查找材料…",
    from: "出题范围", from_documents: "我的材料", from_text: "粘贴一段文字", topic: "主题（可不填）",
    topic_placeholder: "不填则均匀覆盖全文", paste: "文字", kinds: "题型", count: "题数",
    made_by: "出题方式", made_by_both: "模型为主，填空补足", made_by_model: "仅模型", made_by_cloze: "仅填空",
    generate: "生成练习", generate_scope_none: "可在左侧选择材料；不选则使用全部材料。",
    phase_reading: "正在阅读段落：{done} / {total}", phase_generating: "已出题：{done} / {total}", starting: "正在开始…",
    run_done: "共 {count} 题：模型 {model} 题，填空 {cloze} 题；{rejected} 题未通过检查",
    run_cancelled: "已停止，保留 {count} 题。", run_failed: "提前结束：{message}", writing: "正在写…",
    kind_single_choice: "单选题", kind_multiple_choice: "多选题", kind_true_false: "判断题",
    kind_fill_in_the_blank: "填空题", kind_short_answer: "简答题",
    by_model: "由 {model} 生成", by_cloze: "挖空生成", points: "{points} 分", true: "正确", false: "错误", blank: "第 {number} 空",
    your_answer: "你的回答", submit: "提交", try_again: "再做一次", score: "{points} / {max}",
    needs_review: "{count} 题需人工复核", answered: "已答 {done} / {total}",
    verdict_correct: "正确", verdict_partial: "部分正确", verdict_incorrect: "不正确",
    verdict_unanswered: "未作答", verdict_needs_review: "需人工复核", verdict_unspecified: "未评分",
    key: "答案", explanation: "解析", feedback: "评语", show_source: "{name}，查看上下文",
    earlier: "以前的练习", questions_count: "{count} 题", remove: "删除 {name}", select: "使用 {name}",
    confirm_remove: "删除 {name}？文件、文本和索引都会一并删除。", confirm_remove_exercise: "删除这份练习和它的作答？",
    state_uploading: "正在上传 {percent}%", state_uploaded: "已保存", state_queued: "等待处理",
    state_processing: "正在处理…", state_indexed: "可以使用 · {details}", state_failed: "{message}",
    stage_queued: "等待处理", stage_parsing: "正在读取页面 {done}/{total}", stage_chunking: "正在切分段落 {done}/{total}",
    stage_indexing: "正在建立索引 {done}/{total}", stage_done: "可以使用", stage_failed: "失败", stage_unspecified: "正在处理…",
    pages: "{count} 页", passages: "{count} 段", choose_kind: "请至少选择一种题型。",
    disk_full: "磁盘已满，暂时无法保存新内容。请清理磁盘，或删除一些材料或练习；已有内容可以照常阅读。",
    parts_down: "部分组件没有运行：{names}。不依赖它们的功能可以照常使用。", unreachable: "Tiku 没有响应。",
    nothing_indexed: "还没有可用的材料。", need_text: "请先粘贴一段文字。",
  },
};

const remembered = (() => {
  try {
    return localStorage.getItem("tiku.language");
  } catch {
    return null; // Storage may be forbidden; then the choice lasts as long as the page.
  }
})();

let language = remembered in TEXTS ? remembered : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";

/** A text in the reader's language, with `{names}` filled in. */
export function t(key, vars = {}) {
  const text = TEXTS[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = vars[name] ?? whole;
    return typeof value === "object" ? t(value.key, value.vars) : value;
  });
}

/** Puts every translated text on the page into the reader's language. */
export function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-i18n]")) {
    node.textContent = t(node.dataset.i18n, JSON.parse(node.dataset.i18nVars ?? "{}"));
  }
  for (const node of document.querySelectorAll("[data-i18n-placeholder]")) node.placeholder = t(node.dataset.i18nPlaceholder);
  for (const node of document.querySelectorAll("[data-i18n-label]")) {
    node.setAttribute("aria-label", t(node.dataset.i18nLabel, JSON.parse(node.dataset.i18nVars ?? "{}")));
  }
}

/** Changes to the other language. */
export function toggleLanguage() {
  language = language === "zh" ? "en" : "zh";
  try {
    localStorage.setItem("tiku.language", language);
  } catch {
    // As above.
  }
  translate();
}
