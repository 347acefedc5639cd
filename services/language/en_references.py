"""How English speaks of what a learner does not see: the material, its parts and its author, or the other options.

The rules are of form. A definite noun that nothing tells apart ("the text", "this chapter") is the material's; "the
text of the Magna Carta" is a thing of its own. An option is one about others if it is made of quantifiers, pointers and
letters alone.
"""

from __future__ import annotations

import re

from services.language.patterns import CAPITAL, Pattern, WordPattern, one_of, words

_TEXT = (
    r"(?:passage|text|paragraph|excerpt|extract|snippet|material|document|article|reading|handout|selection|context"
    r"|source|note|slide|transcript|information|figure|diagram|table|graph|chart|picture|image|photo|photograph"
    r"|illustration|drawing|map|equation|chapter|section|unit|lesson|lecture|module|course|class|introduction"
    r"|conclusion|summary|preface|appendix|sentence|line|page|story|essay|report|book|textbook|case study)(?:e?s)?"
)
_THING = (
    r"document|article|report|source|context|material|text|reading|story|essay|book|textbook|table|chart|map|picture"
    r"|image|photo|photograph|illustration|drawing|graph|equation|chapter|section|lesson|lecture|module|introduction"
    r"|conclusion|preface|appendix|selection|transcript"
)
_TELLER = (
    r"(?:author|writer|narrator|speaker|lecturer|instructor|teacher|editor|reporter|presenter|interviewer|columnist)s?"
)
_WHICH = (
    r"first|second|third|fourth|fifth|last|final|next|previous|preceding|following|above|given|provided|supplied|quoted"
    r"|attached|accompanying|present|current|whole|entire|short|opening|closing|introductory|original|study|reading"
    r"|source|lecture|class|input|reference|course"
)
_THIS = rf"(?:the|this|that|these|those|our|your|today['’]s) (?:(?:{_WHICH}) )*"
_ALONE = (
    r"\b(?!['’]s\b)(?! (?:of|by|that|which|who|whose|whom|where|to|for|titled|called|named|entitled|signed|between"
    r"|[a-z]+ed by)\b)"
)
"""Behind a noun: nothing tells which one is meant."""
_TOLD = (
    r"(?:mentioned|described|stated|given|listed|discussed|noted|shown|introduced|explained|presented|named|cited"
    r"|quoted"
    r"|outlined|covered|defined|illustrated|said|seen|indicated|told|depicted|treated)"
)
_SAYS = (
    r"(?:say|said|tell|told|think|argue|claim|mention|describe|suggest|imply|implies|believe|mean|state|explain|make"
    r"|making|refer|discuss|introduce|compare|conclude|emphasize|emphasise|put|show|represent|deal|give|list|present"
    r"|provide|cover|indicate|support|confirm|note|highlight|illustrate|depict|reveal)(?:e?[sd])?"
)
_BY = (
    r"(?:according to|based on|as per|per|with reference to|referr?ing to|refer to|having read|after reading|reading"
    r"|looking at|look at|considering|consider|using|see|given)"
)
_REFERENCES = (
    # A frame: `according to the …`, `in the …,`, `as shown in …`.
    rf"\b{_BY} {_THIS}{_TEXT}{_ALONE}",
    (
        rf"(?:^|[,.(;:] ?)(?:in|from|on|under|throughout) {_THIS}{_TEXT}(?: (?:above|below|provided|given))?{_ALONE}"
        r"(?: ?[,:?.]|$)"
    ),
    rf"\bas [a-z ]{{0,12}}{_TOLD} (?:in|by|on|at) {_THIS}{_TEXT}{_ALONE}",
    rf"\b(?:{_TOLD}|learn|learned|learnt|read|studied) (?:[\w’'-]+ ){{0,5}}(?:in|by|on|from) {_THIS}{_TEXT}{_ALONE}",
    rf"\b{_THIS}{_TEXT} (?:[a-z]+ly )?{_SAYS}\b",
    r"\b(?:in|from|of|to|by|with) (?:the|this|that) (?:passage|paragraph|excerpt|extract|snippet|handout)s?" + _ALONE,
    (
        r"\b(?:the|this) (?:(?:first|second|third|fourth|fifth|last|final|opening|closing) )?"
        r"(?:passage|excerpt|paragraph)\b"
    ),
    r"\b(?:this|the (?:given|provided|above|following|quoted|preceding)) (?:sentence|statement|text|article|document"
    r"|chapter|section|lesson|unit|lecture|course|module|material|figure|diagram|table|graph|chart|picture|image"
    r"|information|reading|selection|slide|page|line|map|equation|illustration|class)s?" + _ALONE,
    rf"\b(?:in|of|on|from|by|see) {_THIS}(?:figure|diagram|slide|page|sentence|line|illustration|equation)s?" + _ALONE,
    rf"\b(?:passage|{_THING}|paragraph|sentence|figure|diagram|information|table)s? (?:above|below|provided)\b",
    r"\b(?:we|you|today['’]s) (?:learn|learned|class|lesson|lecture|reading)\b",
    # A number: `Figure 2`, `Section 2.1`.
    (
        r"\b(?:figure|fig\.?|table|diagram|chart|graph|exhibit|box|equation|eq\.|slide|page|line|plate|panel)s? \(?"
        r"(?:\d+|" + CAPITAL + r"\b|[ivx]+\b)(?! of\b)"
    ),
    # Who tells it.
    rf"\b(?:according to|in the (?:view|opinion|eyes|words) of) {_THIS}{_TELLER}{_ALONE}",
    (
        rf"\b{_THIS}(?:text['’]s )?{_TELLER}(?:['’]s?)? (?:[a-z]+ly )?"
        rf"(?:{_SAYS}|view|opinion|attitude|purpose|tone|point|aim)\b"
    ),
    # What was told before.
    rf"\b{_TOLD} (?:above|below|earlier|before|previously|here(?!:)|later on)\b",
    rf"\b(?:above|previously|earlier|before|afore|already)[ -]?{_TOLD}\b",
    r"\baforesaid\b",
    r"\bforegoing\b",
    (
        r"(?:^|[,.;] ?)as (?:(?:has|have|had|was|were|is|we|you|been|already|just|it|can be) )*"
        rf"(?:{_TOLD}|saw|read|learned|learnt|know)(?: (?:already|so far|just now))?(?: ?[,?.]|$)"
    ),
    r"(?:^|[,.;] ?)in what follows\b",
    r"\b(?:we|you) (?:have )?(?:just|already|earlier) (?:read|seen|saw|learned|learnt|studied|discussed)\b",
    r"\brecall what (?:was|has been|we)\b",
    r"\b(?:by|in) this way\b",
    r"\b(?:according to|based on|from) what (?:we|you)\b",
)
_NEEDS = frozenset(
    form
    for word in re.findall(r"[a-z]{3,}", f"{_TEXT} {_TELLER} {_TOLD}".replace("(?:e?s)?", "").replace("\\b", ""))
    for form in (word, f"{word}s", f"{word}es")
) | words(
    """
    stories essays aforementioned abovementioned aforesaid foregoing learn learned learnt class read seen saw studied
    know reading follows recall way fig figs eq exhibit box boxes plate panel panels part today above below earlier
    previously lecture lesson
    """
)
"""Words of which every reference has at least one."""
PASSAGE_REFERENCE = WordPattern(one_of(_REFERENCES), _NEEDS)
_PART = r"(?:chapter|section|unit|lesson|lecture|module|appendix|paragraph|part) \(?\d[\d.]*(?<!\.)(?! of\b)"
THING_REFERENCES = (
    Pattern(rf"\b{_THIS}(?P<thing>{_THING}|{_TELLER}){_ALONE}", re.IGNORECASE),
    Pattern(
        rf"(?:\b(?:in|as|see|from|on|per|by|to|does|do|did)\b[^,.?]{{0,30}} |^|[,.;] )(?P<thing>{_PART})",
        re.IGNORECASE,
    ),
)

_QUANTIFIER = (
    r"(?:all|both|any|none|neither|either|each|every(?: one)?|everything|some|most|only|two|three|four|the|no|one|more"
    r"|than|not|except|but|just|of|and|or|first|second|third|fourth|last|other)"
)
_POINTER = (
    r"(?:above|below|following|these|those|them|others|rest|options?|answers?|choices?|listed|mentioned|stated|given"
    r"|aforementioned|items?|statements?)"
)
_LETTER = r"\(?(?:[a-h]|[1-8]|[ivx]{1,4})\)?"
_LETTERS = rf"{_LETTER}(?:(?:, ?(?:and |or )?| and | or | nor | ?[&+/] ?){_LETTER})+"
_JUDGED = r"(?:(?:is|are|were|was) )?(?:all )?(?:correct|true|right|false|wrong|incorrect|apply|applies|possible|valid)"
_OF_OPTIONS = (
    rf"(?:{_QUANTIFIER} )*{_POINTER}(?: (?:{_POINTER}|{_QUANTIFIER}|{_JUDGED}))*"
    rf"|(?:all|both|none|neither|everything|each|any|either)(?: (?:{_QUANTIFIER}|{_JUDGED}))*"
    rf"|(?:(?:options?|answers?|choices?|statements?|both|either|neither|only|none|but|just) )*(?:{_LETTERS})"
    rf"(?: (?:only|both|{_JUDGED}))*|(?:the )?(?:first|last) (?:two|three)"
    r"|(?:both|neither|only) .{1,60} (?:is|are) (?:correct|true|right|false|wrong|incorrect)"
    rf"|(?:(?:options?|answers?|choices?|only|none but|just) ){_LETTER}|{_LETTER} only"
)
_OF_NOTHING_KNOWN = (
    r"(?:(?:it|this|that|the answer) (?:is |was )?)?(?:not|un|never)[ -]?(?:sure|certain|known|clear|determined"
    r"|specified|stated|mentioned|given|provided|told|said|applicable|available)(?: here| above| yet)?"
    r"|(?:(?:I|we|you) )?(?:do not|don['’]?t|cannot|can not|can['’]?t|could not)"
    r" (?:know|say|tell|be (?:determined|known|said|told|inferred|answered))(?: \w+){0,4}"
    r"|(?:there is |there['’]s )?(?:no|not an?|no single) (?:(?:correct|right|such|valid|true|possible|suitable) )*"
    r"(?:answer|option|choice|information)s?(?: (?:(?:is|was) )?(?:given|right|correct|here|available|provided|listed"
    r"|above|true))*"
    r"|(?:not enough|insufficient) (?:information|data|evidence)(?: \w+){0,3}|it (?:all )?depends(?: on .{0,20})?"
    r"|impossible to (?:say|tell|know|determine)"
    r"|(?:something|anything|somewhere|someone) else|others?|nothing of the (?:kind|sort)"
    rf"|(?:the|this) (?:{_THING}|passage|paragraph) (?:does not|doesn['’]t|did not|never) (?:say|tell|mention|state"
    r"|specify)s?(?: \w+){0,3}"
)
OPTION_REFERENCE = Pattern(rf"^\W*(?:{_OF_OPTIONS}|{_OF_NOTHING_KNOWN})\W*$", re.IGNORECASE)

_OWN = (
    r"(?:provided|given|supplied|retrieved|uploaded|shared|attached|available|numbered|cited|quoted|above|following"
    r"|relevant|study|source|reference)"
)
_MATERIAL = (
    rf"(?:(?:(?:the|these|this|those|any of the|none of the|no|your|my|provided|given|available) )+(?:{_OWN} )*"
    r"(?:passage|material|text|source|context|document|excerpt|article|content|paragraph|information|snippet|extract"
    r"|reference|search result)s?\b"
    rf"|(?:(?:the|these|this|those) (?:{_OWN} )+|your (?:{_OWN} )*)"
    r"(?:note|slide|handout|chapter|lecture|file|book|textbook|reading|section|page)s?\b"
    r"|(?:the|these|this|those) [a-z]+s? (?:that )?you(?: have|['’]ve)? (?:gave|given|provided|uploaded|shared)"
    r"|what (?:is|was|has been|you(?: have)?) (?:given|provided|uploaded|shared)(?: here)?)"
)
"""What an answer reads. A book is it where somebody gave it: other books are subjects of their own."""
_BARE_MATERIAL = r"(?:the|these|this|those|no) (?:note|slide|handout|chapter|lecture|file|book|textbook|reading)s?\b"
_NOT = r"(?:\bnot\b|n['’]t\b|\bno\b|\bnothing\b|\bnever\b|\bwithout\b|\bnor\b|\bnone\b)"
_TELLS = (
    r"(?:contain|mention|provid|specif|stat(?:e|ed|es|ing)\b|sa(?:y|id)|tell|told|includ|answer|information|discuss"
    r"|address|cover|giv|describ|indicat|expla(?:in|na)|refer|offer|clarif|detail|reveal|defin|list|nam(?:e|ed|es)\b|hold"
    r"|ha(?:ve|s)\b"
    r"|speak|touch|cite|disclose|note|go(?:es)? into|get into|deal|bring)"
)
_MATTER = (
    r"(?:this|that|it|such|these|the (?:question|topic|subject|matter|issue|answer)|how|what|when|who|where|why|which"
    r"|whether)"
)
_MISSING = r"(?:information|mention|answer|details?|data|references?|indication|statements?)"
_BE = r"(?:is|are|was|were|has been|have been|can be|could be)"
_ABSTENTIONS = (
    # The material does not tell, is silent, or tells something else.
    (
        rf"(?:(?:none|neither) of )?{_MATERIAL}(?! (?:of|between) (?!{_MATERIAL}))[^.]{{0,40}}?{_NOT}[^.]{{0,30}}?"
        rf"\b{_TELLS}"
    ),
    rf"(?:none|neither) of {_MATERIAL}[^.]{{0,30}}?\b{_TELLS}",
    rf"neither (?:passage|source|text|document|excerpt)\b[^.]{{0,30}}?\b{_TELLS}",
    rf"none of (?:this|that|it) (?:is|was)\b[^.]{{0,20}} (?:in|by) {_MATERIAL}",
    (
        rf"{_MATERIAL}[^.]{{0,20}}(?:\bsays? nothing|\b(?:is|are|remains?) silent|\blacks?\b|\bfails? to"
        r"|\bmakes? no mention|\bomits?\b|\boffers? no\b|\bleaves? (?:\w+ ){1,4}(?:open|unanswered|unsaid)\b)"
    ),
    rf"{_MATERIAL}[^.]{{0,10}}\b(?:only|merely|just)\b[^.]{{0,80}}(?:;|—|, (?:and|but))[^.]{{0,40}}{_NOT}",
    rf"{_MATERIAL}[^.]{{0,80}}\bbut not\b",
    (
        rf"{_MATERIAL} (?:\w+ )?(?:contain|say|hold|give|provide|include|offer|mention|ha(?:s|ve)\b)s?"
        rf" (?:nothing|no (?:[\w-]+ )?{_MISSING})\b"
    ),
    rf"(?:I|we) [^.]{{0,30}}?{_MATERIAL}[^.]{{0,10}}?\bbut\b[^.]{{0,40}}?{_NOT}",
    # There is nothing in the material.
    (
        rf"there(?: is| are| was| were|['’]s| does)[^.]{{0,12}}(?:{_NOT}|insufficient|too little)[^.]{{0,80}}?"
        rf"\b(?:in|within|from|by|among) {_MATERIAL}"
    ),
    rf"(?:nothing|nowhere) (?:in|within) {_MATERIAL}",
    (
        rf"[^.]{{2,80}} (?:is|are|was|were|has|have|does|do|can)(?: not|n['’]t| never|not| nowhere)(?: been| be)?"
        rf" (?:[a-z]+ly )?(?:{_TELLS}|found|available|given|appear|in\b)\w*[^.]{{0,20}}?"
        rf"(?: (?:in|by|from|within|among))? {_MATERIAL}"
    ),
    rf"[^.]{{2,80}} (?:is|are|was|were) (?:unavailable|absent|missing|omitted)\b[^.]{{0,20}} (?:in|from) {_MATERIAL}",
    rf"[^.]{{2,60}}\b(?:outside|beyond) (?:of )?(?:the scope of )?(?:what )?{_MATERIAL}",
    # Who answers does not know.
    (
        r"(?:I|we) (?:can ?not|can['’]t|could not|couldn['’]t|do not|don['’]t|did not|didn['’]t"
        r"|(?:am|are|was) (?:not able|unable)"
        r" to)[^.]{0,30}?\b(?:answer|find|determine|locate)\b"
    ),
    r"(?:the|your|this) question (?:can ?not|can['’]t|could not)[^.]{0,20}answer",
)
_UNCITED_ABSTENTIONS = (
    rf"(?:(?:none|neither) of )?{_BARE_MATERIAL}[^.]{{0,40}}?{_NOT}[^.]{{0,30}}?\b{_TELLS}",
    (
        rf"there(?: is| are| was| were|['’]s)(?: not| n['’]t)? (?:no|not enough|insufficient|any|nothing)\b"
        rf" (?:[\w-]+ ){{0,2}}"
        rf"{_MISSING}\b(?: (?:about|on|of|regarding|concerning|for|as to|to) {_MATTER}\b"
        r"|(?: (?:here|given|available|provided|found))?\W*$)"
    ),
    # Nothing was found in the tomb: that is an answer.
    (
        r"nothing (?:[\w-]+ ){0,2}(?:is|was|has been)? ?(?:said|stated|mentioned|told|written|given|provided|found)\b"
        rf"(?! (?:in|on|at|under|inside|near|by) (?!{_MATERIAL}))(?![^.]*\b(?:except|but|besides)\b)"
    ),
    rf"no mention (?:is|was|has been) (?:ever )?made\b(?! (?:in|on|by) (?!{_MATERIAL}))",
    r"(?:there(?: is| was|['’]s) )?nothing (?:in )?here\b",
    rf"(?:I|we) (?:have|see|find|found) no (?:[\w-]+ ){{0,2}}{_MISSING}\b",
    (
        rf"(?:no|not enough|insufficient) (?:[\w-]+ ){{0,2}}(?:{_MISSING}|passages?|sources?)\b(?: (?:about|on|of"
        r"|regarding"
        rf"|concerning|for|as to|to|that)\b[^.]{{0,80}}| {_BE} (?:\w+ )?(?:given|provided|found|available|mentioned"
        rf"|included"
        r"|present|contained|there)\b| (?:answers?|mentions?|addresses|says?|describes?|discusses|covers?|gives?)\b)"
    ),
    r"(?:not enough|insufficient) (?:context|evidence|data|information)\b[^.]{0,20} to (?:answer|say|tell|know)",
    # It is not told. `This` needs no place, another subject does.
    (
        rf"{_MATTER}(?: (?:information|detail|point|question))?(?: (?:is|are|was|were|has|can)|['’]s)"
        r"(?:not| not|n['’]t| never)(?: been| be)?"
        rf" (?:[a-z]+ly )?(?:{_TELLS}|found|available|known|determined|inferred|in )"
    ),
    rf"{_MATTER}(?: (?:information|detail|answer))? (?:is|are) (?:unavailable|absent|missing)\b",
    rf"{_MATTER} (?:does|do|did)(?: not|n['’]t) (?:mention|say|tell|state|specify|discuss|address)\b",
    (
        r"(?:I|we) (?:can ?not|can['’]t|could not|couldn['’]t|do not|don['’]t|did not|didn['’]t"
        r"|(?:am|are|was) (?:not able|unable)"
        r" to)[^.]{0,30}?\b(?:know|tell|say|see|infer|have)\b"
    ),
    (
        r"(?:(?:it|this|that)(?: is|['’]s) )?(?:not (?:possible|clear)|impossible|unclear|unknown)[^.]{0,30}"
        r"\b(?:from|based on|to (?:say|tell|answer|determine))\b"
    ),
    r"not (?:mentioned|stated|specified|given|provided|found|addressed|discussed|answered|covered|in (?:the|this))\b",
    r"(?:the|your|this) question is not[^.]{0,20}answer",
)
ABSTENTION = "|".join(_ABSTENTIONS)
"""How an answer begins that says that the material says nothing: of the material. That a treaty does not mention
something may well be an answer."""
UNCITED_ABSTENTION = "|".join(_UNCITED_ABSTENTIONS)
"""How one begins that names no material: of `this`, or of nothing. What begins so and cites may well be an answer."""
