// Chinese and English; the browser's language decides until the reader does.
const TEXTS = {
  en: {
    tagline: "study material in, practice out", skip: "Skip to the work area", other_language: "中文",
    material: "Material", choose_files: "Choose files", drop_here: "or drop them here",
    formats: "PDF, PowerPoint, Word, Excel, OpenDocument, RTF, EPUB, HTML, Markdown, CSV, notebooks, text", no_documents: "Nothing here yet. Start with a chapter or your slides.",
    work: "What to do", ask: "Ask", practice: "Practice",
    your_question: "Your question", question_placeholder: "What would you like to know from the material?", ask_button: "Ask",
    scope_all: "Looks in all of your material", scope_some: "Looks in {count} selected", scope_none: "No indexed material yet",
    stop: "Stop", source: "Source", close: "Close", page: "page {page}", whole_text: "The passage in its surroundings",
    pasted: "Pasted text", not_in_material: "The material does not hold the answer.", answer_stopped: "Stopped.",
    usage: "{tokens} tokens", model: "{model}", looking: "Looking through the material…",
    from: "Ask about", from_documents: "my material", from_text: "a text I paste", topic: "Topic (optional)",
    topic_placeholder: "Empty for an even spread", paste: "Text", kinds: "Kinds of questions", count: "Questions",
    made_by: "Made by", made_by_both: "model and cloze", made_by_model: "model only", made_by_cloze: "cloze only",
    generate: "Make questions", generate_scope_none: "Select indexed material on the left, or all of it is used.",
    phase_reading: "Reading passages: {done} of {total}", phase_generating: "Questions: {done} of {total}", starting: "Starting…",
    run_done: "{count} questions: {model} by the model, {cloze} by cloze; {rejected} refused by the checks",
    run_cancelled: "Stopped with {count} questions.", run_failed: "Ended early: {message}", writing: "writing…",
    kind_single_choice: "Single choice", kind_multiple_choice: "Multiple choice", kind_true_false: "True or false",
    kind_fill_in_the_blank: "Fill in the blank", kind_short_answer: "Short answer",
    by_model: "by {model}", by_cloze: "cloze", being_written: "the model is writing…", points: "{points} pt", true: "True", false: "False", blank: "Blank {number}",
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
    graph: "Graph", graph_about: "What the material speaks of most, and which of it stands in one sentence. Each line opens its sentences.",
    graph_draw: "Draw", graph_of: "Graph of {name}", graph_of_all: "Graph of all material", graph_of_some: "Graph of {count} selected",
    graph_of_answer: "Graph of the answer to “{question}”", graph_loading: "Reading the graph…",
    graph_all: "{count} names. The picture has {shown} of {total} connections, the strongest of each name; the list has all.",
    graph_most: "The {count} names mentioned most. The picture has {shown} of {total} connections, the strongest of each name; the list has all.",
    graph_off: "No graph is kept here: whoever runs Tiku has turned it off.",
    graph_down: "The graph does not answer at the moment. Try again in a little while.",
    graph_failed: "The graph cannot be shown: {message}", graph_empty: "The graph holds this material, but found no names in it.",
    graph_not_yet: "This material is not in the graph yet.",
    graph_picture: "Picture of the graph; the lists below hold the same", graph_in: "Larger", graph_out: "Smaller", graph_fit: "Whole",
    graph_legend: "Kinds", graph_detail: "What was chosen", graph_hint: "Choose a name or a line, in the picture or in the lists.",
    graph_entities: "Names", graph_name: "Name", graph_kind: "Kind", graph_count: "Mentions", graph_pairs: "Connections",
    graph_between: "Between", graph_sentences: "Sentences", graph_no_pairs: "No sentence mentions two of them.",
    graph_more: "Show {count} more", graph_mentions: "mentioned {count}×", graph_aliases: "also", graph_near: "Connected with",
    graph_together: "Together in {count} sentences",
    entity_term: "Term", entity_person: "Person", entity_place: "Place", entity_organization: "Organization", entity_event: "Event",
    entity_date: "Date", entity_quantity: "Quantity", entity_work: "Work", entity_law: "Law", entity_process: "Process", entity_other: "Other",
    not_sent: "The file could not be sent: the connection broke, or the file was moved or changed meanwhile. Choose it again.",
    same_file: "The same file is already here as “{name}”.",
    analyze: "Analyze", analyze_of: "Analyze {name}", analyze_about: "What a file teaches, how demanding it is, and what can be asked about it.",
    analyze_choose: "Choose a file", analyze_drop: "or press Analyze beside one of your material",
    analyzing: "Reading {name} and weighing what it teaches…", analysis_of: "Analysis of {name}", analysis_failed: "{message}",
    analysis_none: "No key points were found.", key_points: "What it teaches", suggestions: "What can be asked",
    level: "Level", level_beginner: "beginner", level_intermediate: "intermediate", level_advanced: "advanced", level_unspecified: "not known",
    read_by_provider: "The model’s provider read the file itself, pictures and tables included.",
    read_by_tiku: "Tiku’s own parser read the file; the model, where there is one, got its text.",
    found_by_model: "Key points by the model", found_by_cloze: "Key points by rules, without a model", analyzed_length: "{count} characters",
    model_failed: "Why the model did not make them all: {message}.", answer_failed: "The model: {message}.",
    why_PROVIDER_UNAUTHENTICATED: "the provider refused the configured key",
    why_PROVIDER_FORBIDDEN: "the provider does not allow this to the configured key",
    why_PROVIDER_OUT_OF_CREDIT: "the account at the provider has no credit or quota left",
    why_PROVIDER_RATE_LIMITED: "the provider’s rate limit is reached", why_PROVIDER_UNAVAILABLE: "the provider is not reached",
    why_PROVIDER_TIMEOUT: "the provider did not answer in time", why_PROVIDER_BUSY: "the model is busy",
    why_PROVIDER_REJECTED: "the provider rejected the request", why_PROVIDER_BAD_RESPONSE: "the provider’s response cannot be read",
    why_BUDGET_EXHAUSTED: "the budget is spent", why_MODEL_NOT_FOUND: "there is no such model", why_MODEL_TOO_SLOW: "it took too long",
    why_CONTENT_FILTERED: "the provider’s filter refused the request", why_CONTEXT_TOO_LONG: "the conversation is longer than it can read",
    why_MODEL_REFUSED: "it declined, or a filter withheld what it wrote", why_MODEL_CUT: "the token limit cut what it wrote",
    why_MODEL_ONLY_THOUGHT: "it thought and then wrote no answer", why_MODEL_WROTE_NOTHING: "it wrote nothing",
    why_INVALID_JSON: "what it wrote cannot be read", why_NO_CHAT_PROVIDER: "no model is configured",
    why_MODEL_QUESTIONS_REFUSED: "what it wrote did not pass the checks",
  },
  zh: {
    tagline: "把学习材料变成练习", skip: "跳到工作区", other_language: "English",
    material: "学习材料", choose_files: "选择文件", drop_here: "或拖放到这里",
    formats: "PDF、PowerPoint、Word、Excel、OpenDocument、RTF、EPUB、HTML、Markdown、CSV、Jupyter 笔记本、纯文本", no_documents: "还没有材料。先上传一章课文或一份课件吧。",
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
    by_model: "由 {model} 生成", by_cloze: "挖空生成", being_written: "模型正在书写…", points: "{points} 分", true: "正确", false: "错误", blank: "第 {number} 空",
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
    graph: "图谱", graph_about: "材料中提到最多的名称，以及哪些名称出现在同一句里。点击连线可查看原句。",
    graph_draw: "绘制", graph_of: "图谱：{name}", graph_of_all: "图谱：全部材料", graph_of_some: "图谱：选中的 {count} 份材料",
    graph_of_answer: "图谱：“{question}”的回答", graph_loading: "正在读取图谱…",
    graph_all: "共 {count} 个名称。图中画出 {total} 条联系中的 {shown} 条，即每个名称最强的几条；列表中有全部联系。",
    graph_most: "提到最多的 {count} 个名称。图中画出 {total} 条联系中的 {shown} 条，即每个名称最强的几条；列表中有全部联系。",
    graph_off: "这里没有图谱：管理员关闭了这项功能。", graph_down: "图谱暂时没有响应，请稍后再试。",
    graph_failed: "无法显示图谱：{message}", graph_empty: "材料已在图谱中，但没有找到名称。", graph_not_yet: "这份材料还没有进入图谱。",
    graph_picture: "图谱的图形；下面的列表内容相同", graph_in: "放大", graph_out: "缩小", graph_fit: "全图",
    graph_legend: "类型", graph_detail: "选中的内容", graph_hint: "在图中或列表中选择一个名称或一条连线。",
    graph_entities: "名称", graph_name: "名称", graph_kind: "类型", graph_count: "提及", graph_pairs: "联系",
    graph_between: "两者", graph_sentences: "句数", graph_no_pairs: "没有句子同时提到其中两个。",
    graph_more: "再显示 {count} 条", graph_mentions: "提到 {count} 次", graph_aliases: "又称", graph_near: "相关名称",
    graph_together: "同在 {count} 句中",
    entity_term: "术语", entity_person: "人物", entity_place: "地点", entity_organization: "机构", entity_event: "事件",
    entity_date: "日期", entity_quantity: "数量", entity_work: "作品", entity_law: "定律", entity_process: "过程", entity_other: "其他",
    not_sent: "文件没有发送成功：连接中断，或文件已被移动或更改。请重新选择文件。",
    same_file: "同样的文件已经在这里，名为“{name}”。",
    analyze: "分析", analyze_of: "分析：{name}", analyze_about: "文件讲了什么、难度如何、可以出哪些题。",
    analyze_choose: "选择文件", analyze_drop: "或点击材料旁边的“分析”",
    analyzing: "正在阅读 {name} 并归纳要点…", analysis_of: "分析：{name}", analysis_failed: "{message}",
    analysis_none: "没有找到要点。", key_points: "要点", suggestions: "可以出的题",
    level: "难度", level_beginner: "入门", level_intermediate: "中级", level_advanced: "高级", level_unspecified: "未知",
    read_by_provider: "由模型服务商直接阅读了文件，包括图片和表格。",
    read_by_tiku: "由 Tiku 自己的解析器阅读了文件；如果有模型，模型读到的是其中的文字。",
    found_by_model: "要点由模型给出", found_by_cloze: "要点由规则给出，未使用模型", analyzed_length: "{count} 个字符",
    model_failed: "未全部由模型出题：{message}。", answer_failed: "模型：{message}。",
    why_PROVIDER_UNAUTHENTICATED: "模型服务商拒绝了所配置的密钥", why_PROVIDER_FORBIDDEN: "模型服务商不允许该密钥进行此操作", why_PROVIDER_OUT_OF_CREDIT: "模型服务商的账户余额或额度已用完",
    why_PROVIDER_RATE_LIMITED: "已达到模型服务商的速率限制", why_PROVIDER_UNAVAILABLE: "模型服务商无法访问", why_PROVIDER_TIMEOUT: "模型服务商未及时回答", why_PROVIDER_BUSY: "模型正忙",
    why_PROVIDER_REJECTED: "模型服务商拒绝了请求", why_PROVIDER_BAD_RESPONSE: "模型服务商的回答无法读取", why_BUDGET_EXHAUSTED: "预算已用完", why_MODEL_NOT_FOUND: "没有这个模型",
    why_MODEL_TOO_SLOW: "模型用时过长", why_CONTENT_FILTERED: "模型服务商的过滤器拒绝了请求", why_CONTEXT_TOO_LONG: "内容超出模型可读的长度", why_MODEL_REFUSED: "模型拒绝回答，或其回答被过滤",
    why_MODEL_CUT: "模型的回答因长度限制被截断", why_MODEL_ONLY_THOUGHT: "模型只作了思考，没有给出回答", why_MODEL_WROTE_NOTHING: "模型没有写出任何内容", why_INVALID_JSON: "模型的回答无法读取",
    why_NO_CHAT_PROVIDER: "没有配置模型", why_MODEL_QUESTIONS_REFUSED: "模型写的题未通过检查",
  },
};

const remembered = (() => {
  try {
    return localStorage.getItem("tiku.language");
  } catch {
    return null; // Storage may be forbidden; then the choice lasts as long as the page.
  }
})();

let current = remembered in TEXTS ? remembered : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";

/** The reader's language as a BCP 47 tag. */
export const language = () => (current === "zh" ? "zh-CN" : "en");

/** A text in the reader's language, with `{names}` filled in. */
export function t(key, vars = {}) {
  const text = TEXTS[current][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = vars[name] ?? whole;
    return typeof value === "object" ? t(value.key, value.vars) : value;
  });
}

/** How a model failed, as a variable of a text; a reason without a translation is told in the words of its error. */
export const failure = (reason, message) => (`why_${reason}` in TEXTS.en ? { key: `why_${reason}` } : message.replace(/\.$/, ""));

/** Puts every translated text on the page into the reader's language. */
export function translate() {
  document.documentElement.lang = language();
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
  current = current === "zh" ? "en" : "zh";
  try {
    localStorage.setItem("tiku.language", current);
  } catch {
    // As above.
  }
  translate();
}
