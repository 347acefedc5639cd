"""How models word the faults that `gate.py` puts into questions, by language.

Each list is cut in two by a hash of its entries: a wording stands in one half only, and so does a noun that a frame
takes. `{q}` is the question, `{stem}` the question without its mark, `{topic}` what it is about, `{noun}` the text that
is referred to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Frames(NamedTuple):
    """Sentences with a place for a noun, and the nouns; a frame without a place stands alone."""

    frames: Sequence[str]
    nouns: Sequence[str] = ("",)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines() if line.strip())


REFERENCES: Mapping[str, Mapping[str, Frames]] = {
    "en": {
        "text": Frames(
            _lines("""
                According to the {noun}, {q}
                Based on the {noun}, {q}
                In the {noun}, {q}
                From the {noun}, {q}
                As stated in the {noun}, {q}
                As the {noun} explains, {q}
                Using the {noun}, answer this: {q}
                After reading the {noun}, {q}
                With reference to the {noun}, {q}
                Per the {noun}, {q}
                {stem}, according to the {noun}?
                {stem} as described in this {noun}?
                {stem}, as the {noun} puts it?
                What does the {noun} say about {topic}?
                What does the {noun} tell us of {topic}?
                Which of the following about {topic} is mentioned in the {noun}?
                What is {topic} described as in the {noun}?
                The {noun} mentions {topic}. {q}
                How does this {noun} describe {topic}?
                {q} (Refer to the {noun}.)
                What can be inferred from the {noun} about {topic}?
                Given the {noun}, {q}
            """),
            _lines("""
                document
                article
                passage
                text
                excerpt
                material
                reading
                source
                paragraph
                extract
                report
                provided text
                given passage
                context
                information provided
                text above
                study material
                handout
                snippet
                selection
                lecture notes
            """),
        ),
        "figure": Frames(
            _lines("""
                In {noun}, {q}
                As shown in {noun}, {q}
                According to {noun}, {q}
                Looking at {noun}, {q}
                {stem} in {noun}?
                {stem}, as {noun} shows?
                What does {noun} show about {topic}?
                {q} (See {noun}.)
                Which part of {noun} stands for {topic}?
                As can be seen from {noun}, {q}
                From {noun}, {q}
                Referring to {noun}, {q}
            """),
            _lines("""
                Figure 2
                Fig. 3
                the figure
                the diagram
                Table 1
                the table
                the graph below
                the chart
                the picture
                the image above
                the map
                the illustration
                the following figure
                Equation 3
                Diagram A
                Figure 4.1
                this table
                Exhibit 7
                Box 2
                Chart 5
            """),
        ),
        "section": Frames(
            _lines("""
                In {noun}, {q}
                As discussed in {noun}, {q}
                {stem} in {noun}?
                {q} This was covered in {noun}.
                What did you learn about {topic} in {noun}?
                According to {noun}, {q}
                {noun} deals with {topic}. {q}
                Which point about {topic} does {noun} make?
                {stem}, as introduced in {noun}?
            """),
            _lines("""
                this chapter
                Chapter 3
                this section
                Section 2.1
                this unit
                this lesson
                the introduction
                the previous chapter
                this lecture
                the first paragraph
                the second paragraph
                the last sentence
                slide 7
                page 12
                line 4
                the conclusion
                this course
                the preface
                the next section
                today's class
                the opening sentence
                the appendix
            """),
        ),
        "author": Frames(
            _lines("""
                According to {noun}, {q}
                In {noun}'s view, {q}
                In the opinion of {noun}, {q}
                {noun} mentions {topic}. {q}
                What does {noun} say about {topic}?
                What does {noun} think of {topic}?
                Why does {noun} mention {topic}?
                How does {noun} describe {topic}?
                {stem}, as {noun} argues?
                Which of these does {noun} say of {topic}?
                What is {noun}'s attitude to {topic}?
                What point is {noun} making about {topic}?
            """),
            _lines("""
                the author
                the writer
                the narrator
                the speaker
                the authors
                this author
                the lecturer
                the text's author
                the reporter
                the editor
                our instructor
            """),
        ),
        "back": Frames(
            _lines("""
                As mentioned above, {q}
                As stated earlier, {q}
                As noted before, {q}
                As previously discussed, {q}
                As described below, {q}
                As we saw, {q}
                As has been said, {q}
                As explained previously, {q}
                {stem}, as mentioned earlier?
                {stem}, as discussed above?
                {stem} mentioned above?
                {stem} described earlier?
                Of the aforementioned, {q}
                In the above-mentioned case of {topic}, {q}
                Which of the previously mentioned facts is about {topic}?
                In the foregoing discussion of {topic}, {q}
                In what follows, {q}
                {topic} was introduced earlier. {q}
                We have just read about {topic}. {q}
                You have just read about {topic}. {q}
                Recall what was said about {topic}. {q}
            """)
        ),
    },
    "zh": {
        "text": Frames(
            _lines("""
                根据{noun}，{q}
                据{noun}所述，{q}
                由{noun}可知，{q}
                从{noun}来看，{q}
                结合{noun}，{q}
                阅读{noun}，回答：{q}
                {noun}中提到，{q}
                {noun}指出，{q}
                按照{noun}的说法，{q}
                依据{noun}的内容，{q}
                {noun}提到了{topic}。{q}
                {noun}是怎样描述{topic}的？
                {noun}对{topic}有何说明？
                关于{topic}，{noun}说了什么？
                下列关于{topic}的说法，哪一项在{noun}中提到？
                通读{noun}后，{q}
                在{noun}中，{q}
                {noun}告诉我们，{q}
                以{noun}为依据，{q}
            """),
            _lines("""
                文章
                文档
                资料
                课文
                短文
                文本
                材料
                上述材料
                下列材料
                所给文字
                本文
                原文
                这段文字
                该段落
                给定内容
                以上内容
                讲义
                报告
                选段
                阅读材料
            """),
        ),
        "figure": Frames(
            _lines("""
                如{noun}所示，{q}
                根据{noun}，{q}
                由{noun}可知，{q}
                在{noun}中，{q}
                观察{noun}，{q}
                从{noun}可以看出，{q}
                {noun}显示，{q}
                {noun}中的{topic}表示什么？
                参见{noun}：{q}
                {noun}说明了{topic}的什么？
                结合{noun}，{q}
            """),
            _lines("""
                图
                图2
                下图
                上图
                表1
                下表
                示意图
                插图
                图表
                曲线图
                图3-1
                该图
                上表
                右图
                附图
                统计图
                表格
                照片
                公式(3)
            """),
        ),
        "section": Frames(
            _lines("""
                {noun}介绍的{topic}，{q}
                在{noun}中，{q}
                {noun}提到，{q}
                根据{noun}，{q}
                {noun}讲到{topic}。{q}
                {noun}讲述的{topic}有什么特点？
                学习了{noun}，{q}
                {noun}对{topic}的结论是什么？
                如{noun}所说，{q}
            """),
            _lines("""
                本节
                本章
                第三章
                上一节
                本课
                本单元
                第二段
                第5页
                引言
                前言
                结论部分
                第3张幻灯片
                本讲
                下一章
                文末
                首段
                最后一句
                第一自然段
                这一章
                附录
                第2.1节
            """),
        ),
        "author": Frames(
            _lines("""
                {noun}认为，{q}
                在{noun}看来，{q}
                {noun}指出，{q}
                {noun}对{topic}持什么态度？
                {noun}为什么提到{topic}？
                按照{noun}的观点，{q}
                {noun}是如何描述{topic}的？
                关于{topic}，{noun}说了什么？
                {noun}提到{topic}的目的是什么？
                据{noun}介绍，{q}
            """),
            _lines("""
                作者
                笔者
                本文作者
                编者
                讲者
                该文作者
                授课教师
                记者
                主讲人
                撰稿人
            """),
        ),
        "back": Frames(
            _lines("""
                如上所述，{q}
                如前所述，{q}
                上文提到，{q}
                前面提到，{q}
                前文已经说明，{q}
                上述{topic}中，{q}
                前述的{topic}，{q}
                刚才提到的{topic}，{q}
                以上提到的{topic}，{q}
                下面提到的{topic}，{q}
                正如前面所讲，{q}
                我们已经学过{topic}。{q}
                下文将要介绍的{topic}，{q}
                综上所述，{q}
                由此可见，{q}
                前面说到的{topic}，{q}
                根据上面的介绍，{q}
                如下所述，{q}
                回顾前面的内容，{q}
                刚刚读到的{topic}，{q}
            """)
        ),
    },
}

SOUND_REFERENCES: Mapping[str, Sequence[str]] = {
    "en": _lines("""
        Who is the author of Hamlet?
        Which chapter of the Bible tells the story of Noah?
        In which section of the United States Constitution are the powers of Congress listed?
        Which article of the treaty forbids new members?
        Which author wrote The Origin of Species?
        What did the author of the Communist Manifesto study at university?
        Which document ended the war between the two kingdoms?
        Who drew the first map of the island?
        According to Newton, what keeps the planets in their orbits?
        According to the second law of thermodynamics, what cannot decrease?
        According to the periodic law, what do elements of one group share?
        In the text of the Magna Carta, who is promised a fair trial?
        What figure of speech compares two things with "like"?
        Which figure is formed by three straight lines?
        What does the water table separate?
        Which table of elements did Mendeleev publish?
        Which part of a plant absorbs light above the ground?
        What is the source of the Nile?
        In which context did Luther write his ninety-five theses?
        What does the report of the Warren Commission say about the shooting?
        What is the temperature above which iron melts?
        What material are the walls of the castle made of?
        Which speaker of the House resigned in 1998?
        What is the study of fossils called?
        According to the Book of Genesis, what was made on the first day?
        In the introduction of which drug did chemists play a role?
        Which paragraph of the German penal code was abolished in 1994?
        What does an editor of a newspaper decide?
    """),
    "zh": _lines("""
        《红楼梦》的作者是谁？
        《论语》第一章的主题是什么？
        根据牛顿第二定律，加速度与什么成正比？
        宪法第三章规定了什么？
        联合国宪章的文本以几种语言写成？
        谁绘制了第一张世界地图？
        根据《巴黎和约》，法国失去了哪些土地？
        作者权利的保护期限有多长？
        元素周期表由谁提出？
        什么图形由三条线段围成？
        材料科学研究的对象是什么？
        建造这座桥用了什么材料？
        哪篇文章使鲁迅成名？
        谁是《物种起源》的作者？
        气象资料显示降水最多的是哪个月？
        根据热力学第二定律，什么不会减少？
        按照达尔文的理论，物种怎样变化？
        地图上的比例尺表示什么？
        报告文学属于哪种体裁？
        下肢由哪些骨头组成？
    """),
}
"""Questions about authors, documents and figures that are their subject: none of them may be refused."""

OPTION_REFERENCES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "en": {
        "all": _lines("""
            All of the above
            All of these
            All the above are correct
            Every one of these
            Everything mentioned
            All options are correct
            All of them
            Each of the above
            All answers are right
            Any of the above
            All are correct
            All three
            All of the options listed
            Everything listed above
            All of the mentioned
            All of the other answers
            Every option
            All choices are true
            Everything above
            All the listed items
        """),
        "some": _lines("""
            Both A and C
            A and B
            A and B only
            Only A
            A, B and C
            B & D
            Options A and C
            Answers 1 and 2
            Both of the first two
            Either A or B
            (a) and (b)
            I and II
            The first and third options
            A or C
            Neither A nor B
            Both of the above
            Two of the above
            B and C are correct
            1 and 3 only
            A + B
            None but A
            The first two answers
        """),
        "none": _lines("""
            None of the above
            None of these
            Not sure
            I don't know
            Cannot be determined
            Not mentioned
            Not stated
            No correct answer
            None of the options
            Not enough information
            It depends
            There is no answer
            Can't say
            None of them
            Not given
            The text does not say
            No answer is right
            Unsure
            Not specified
            Don't know
            None of the listed
            Impossible to tell
        """),
    },
    "zh": {
        "all": _lines("""
            以上都是
            以上皆是
            全部都是
            上述全部
            以上选项均正确
            全都对
            都正确
            所有选项
            皆正确
            全选
            以上全部
            全部正确
            三者都是
            所有以上选项
            均正确
            以上各项
            上面都对
            以上说法都正确
            全部选项都对
            都对
        """),
        "some": _lines("""
            A和C
            A与B
            A、B
            仅A和B
            A和B都对
            选项A和C
            A或B
            ①和②
            前两项
            A、B、C
            B和D都正确
            只有A
            ①②③
            A、C两项
            A+B
            AB
            前两者都是
            甲和乙都对
            第一项和第三项
            除A以外
        """),
        "none": _lines("""
            以上都不是
            以上皆非
            都不对
            都不是
            不确定
            不知道
            无法确定
            未提及
            没有正确答案
            未说明
            以上均不正确
            无法判断
            不清楚
            文中未提到
            没有提到
            全都不对
            均不正确
            无从得知
            说不清
            没有答案
        """),
    },
}

EQUAL_OPTIONS: Mapping[str, Sequence[tuple[str, str]]] = {
    language: [(one.strip(), other.strip()) for one, _, other in (line.partition(" = ") for line in _lines(text))]
    for language, text in {
        "en": """
            100 °C = 100.0 °C
            100 °C = 100 degrees Celsius
            3.5 kg = 3.50 kg
            3.5 kg = 3,500 g
            50% = 50 percent
            50 % = 50 per cent
            1,000 = 1000
            twelve = 12
            Nile = the Nile
            a lever = lever
            color = colour
            U.S.A. = USA
            5 km = 5 kilometres
            5 km = 5,000 m
            2 million = 2,000,000
            −5 = -5
            three times = 3 times
            20th century = twentieth century
            0.5 = .5
            1/2 = 0.5
            the organization = the organisation
            in Rome = Rome
            in 1990 = 1990
            30 seconds = 30 s
            60 minutes = 1 hour
            10^3 = 1000
            first = 1st
            15 February = February 15
            wolves = Wolves.
            “liberty” = liberty
            Saint Peter = St. Peter
            two thirds = 2/3
            $5 million = 5 million dollars
            7 p.m. = 7 pm
        """,
        "zh": """
            100℃ = 100摄氏度
            100 °C = 100℃
            一百 = 100
            3万 = 30000
            三万 = 3万
            50% = 百分之五十
            5千米 = 5公里
            5千米 = 5000米
            葉綠體 = 叶绿体
            二分之一 = 1/2
            第三 = 第3
            两千 = 2000
            20世纪 = 二十世纪
            三倍 = 3倍
            《论语》 = 论语
            1.0 = 1
            5 km = 5千米
            2公斤 = 2千克
            一半 = 二分之一
            1500万 = 1,500万
            ５米 = 5米
            90分钟 = 1.5小时
            十二月 = 12月
            1.2亿 = 12000万
            “自由” = 自由
            零下五度 = -5度
            二〇〇八年 = 2008年
            國家 = 国家
            7成 = 70%
            六十秒 = 1分钟
        """,
    }.items()
}

DIFFERENT_OPTIONS: Mapping[str, Sequence[tuple[str, str]]] = {
    language: [(one.strip(), other.strip()) for one, _, other in (line.partition(" = ") for line in _lines(text))]
    for language, text in {
        "en": """
            100 °C = 100 °F
            3.5 kg = 35 kg
            -5 = 5
            1/2 = 12
            2:1 = 21
            10-20 = 1020
            C = C++
            H2O = H2O2
            5 km = 5 m
            a priest = a nun
            1990 = 1990s
            first = second
            20th century = 20 centuries
            E. coli = C. coli
            O = O2
            A. thaliana = A. lyrata
        """,
        "zh": """
            100℃ = 100K
            3.5千克 = 35千克
            3万 = 3亿
            -5度 = 5度
            二十 = 十二
            第三 = 三
            红光 = 红外光
            5千米 = 5米
            公元前221年 = 公元221年
            1/2 = 12
            两百 = 两千
            细胞 = 细胞膜
        """,
    }.items()
}
"""Options that differ, however little: none of these pairs may be refused as equal."""

FOREIGN_STEMS: Mapping[str, Sequence[str]] = {
    "en": _lines("""
        Quelle est la capitale de {topic} ?
        Qui a découvert {topic} et pourquoi ?
        Dans quelle ville se trouve {topic} ?
        Pourquoi {topic} est-il important pour les habitants ?
        Combien de personnes vivent dans {topic} aujourd'hui ?
        Welche Rolle spielte {topic} in der Geschichte?
        Wann wurde {topic} zum ersten Mal erwähnt?
        Warum ist {topic} für die Stadt so wichtig?
        Wie heißt der Gründer von {topic}?
        ¿Cuál es la función principal de {topic}?
        ¿Quién fundó {topic} en el siglo pasado?
        ¿Por qué es importante {topic} para la ciudad?
        ¿En qué año fue creado {topic}?
        Qual è la funzione principale di {topic}?
        Chi ha fondato {topic} nel secolo scorso?
        Perché {topic} è importante per la città?
        Qual é o papel de {topic} na história?
        Quem foi o fundador de {topic}?
        Wat is de belangrijkste functie van {topic}?
        Wanneer werd {topic} voor het eerst genoemd?
        Jaka jest główna rola {topic} w tym mieście?
        Kdo byl zakladatelem {topic} a proč?
        Vad är den viktigaste rollen för {topic}?
        Hvad er den vigtigste rolle for {topic}?
        Mikä on {topic} ja miksi se on tärkeä?
        {topic} nedir ve neden önemlidir?
        Apa peran utama {topic} dalam sejarah kota ini?
        Какова основная роль {topic} в истории?
        Ποιος ήταν ο ρόλος του {topic};
        ما هو دور {topic} في التاريخ؟
        {topic}の主な役割は何ですか？
        {topic}의 주요 역할은 무엇입니까?
        {topic}的主要作用是什么？
        Care este rolul principal al {topic} în istorie?
        Mi a szerepe a {topic} a történelemben?
    """),
    "zh": _lines("""
        {topic}の主な役割は何ですか？
        {topic}はいつ設立されましたか？
        {topic}について正しいものはどれですか？
        なぜ{topic}は重要なのですか？
        {topic}が最初に言及されたのはいつか？
        {topic}を発見したのは誰ですか。
        次のうち、{topic}の特徴はどれか。
        {topic}とは何か、説明しなさい。
        {topic}の目的として最も適切なものはどれか？
        {topic}は何年に作られた？
        {topic}의 주요 역할은 무엇입니까?
        {topic}은 언제 설립되었습니까?
        {topic}이 중요한 이유는 무엇인가요?
        다음 중 {topic}에 대한 설명으로 옳은 것은?
        What is the main role of {topic}?
        When was {topic} founded, and by whom?
        Which of these is true of {topic}?
        Why is {topic} important for the city?
        Quelle est la fonction principale de {topic} ?
        Welche Rolle spielte {topic} in der Geschichte?
        ¿Cuál es la función principal de {topic}?
        Какова основная роль {topic} в истории?
        Vai trò chính của {topic} là gì?
        {topic} มีบทบาทสำคัญอย่างไร
        ما هو دور {topic} في التاريخ؟
        Explain the main function of {topic}.
    """),
}

FOREIGN_OPTIONS: Mapping[str, Sequence[str]] = {
    "en": _lines("""
        光合作用
        北京大学
        第二次世界大战
        東京
        ひらがな
        カタカナ
        サッカー
        대한민국
        서울특별시
        Москва
        Великая война
        Αθήνα
        القاهرة
        ירושלים
        กรุงเทพมหานคร
        दिल्ली
        Санкт-Петербург
        공화국
        தமிழ்
        თბილისი
    """),
    "zh": _lines("""
        ひらがな
        東京タワー
        サッカー選手
        第二次世界大戦の終わり
        대한민국
        서울특별시
        Москва
        Великая война
        Αθήνα
        القاهرة
        กรุงเทพมหานคร
        दिल्ली
        コンピューター
        お茶の水
        공화국의 역사
        ירושלים
        しんかんせん
        ภาษาไทย
        தமிழ்
        თბილისი
    """),
}

PLACEHOLDERS: Mapping[str, Sequence[str]] = {
    "en": _lines("""
        Option A
        Option 2
        Answer
        Correct answer
        Wrong answer
        Distractor 1
        string
        N/A
        …
        ...
        plausible wrong option
        The correct answer
        wrong but plausible answer
        choice b
        null
        An incorrect option
        Insert option here
        TBD
        [option]
        <answer>
        placeholder
        xxx
        ???
        one more wrong answer
    """),
    "zh": _lines("""
        选项A
        选项二
        答案
        正确答案
        错误答案
        干扰项1
        干扰项
        string
        N/A
        ……
        ...
        正确选项
        错误选项B
        参考答案
        唯一正确答案
        待补充
        【选项】
        <答案>
        null
        xxx
        此处填写选项
        ？？？
        另一个错误选项
        略
    """),
}

FRAGMENTS: Mapping[str, Sequence[str]] = {
    "en": _lines("""
        The {topic}
        {topic}?
        Because of {topic}
        Which one
        When {topic} and
        About {topic}
        The role of {topic} in
        of {topic}
        What
        Who was
        {topic}, which
        In {topic}
        Question about {topic}
        Single choice
        How many
        For example, {topic}
        And {topic}?
        the following
        {topic} is
        As for {topic},
    """),
    "zh": _lines("""
        {topic}
        {topic}？
        因为{topic}
        哪一个
        关于{topic}
        {topic}的
        在{topic}中
        什么
        谁是
        {topic}，其中
        当{topic}时
        单选题
        多少
        例如{topic}
        和{topic}
        以下
        {topic}是
        至于{topic}，
        有关{topic}的问题
        对于{topic}
    """),
}

VAGUE: Mapping[str, Sequence[str]] = {
    "en": _lines("""
        What is described here in the best way?
        What did they do after that?
        Which of these statements is correct?
        What is the most important thing of all?
        What happened in the end?
        Which of the following is true?
        What is the main idea?
        Who was it that did this?
        When did this happen?
        Why is this important?
        What was the result of it?
        Where did it take place?
        What is an example of this?
        Which statement is not false?
        How many of them were there?
        What is it called?
        What does it mean?
        Which answer is the right one?
        What do we know about it?
        What is said about the topic?
        Which fact is correct?
        How did he do it?
    """),
    "zh": _lines("""
        下列说法正确的是哪一项？
        他们后来做了什么？
        最重要的是什么？
        最后发生了什么事情？
        以下哪一项是正确的？
        主要内容是什么呢？
        这是谁做的？
        这件事发生在什么时候？
        为什么这很重要？
        结果是什么样的？
        它发生在哪里？
        下列哪个选项是对的？
        它被称为什么？
        一共有多少个？
        这说明了什么？
        请选出正确的一项。
        关于它我们知道什么？
        正确的说法是哪一个？
        主题是什么？
        他是怎样做到的？
    """),
}

MARKUP: Mapping[str, Sequence[str]] = {
    language: _lines("""
        <think>First I look at it.</think>{q}
        <think>{q}
        {q}</think>
        <thinking>ok</thinking> {q}
        **Question:** {q}
        ```{q}```
        {q}\\u0000
        {q} [1]
        {q} (A) x (B) y (C) z
        {"stem": "{q}"}
        {q}", "answer": "{answer}
        {q} Answer: {answer}
        <b>{q}</b>
        {q}<br>
        # {q}
        <|im_start|>{q}
        {q}<|endoftext|>
        \\ufffd{q}
        {q}\\ufffd
        <s>{q}</s>
        ### Question\\n{q}
        [INST] {q} [/INST]
        {q} A. one B. two C. three D. four
        {q}\\u200b\\u0007
        <|channel|>analysis<|message|>{q}
        &quot;{q}&quot;
    """)
    for language in ("en", "zh")
}

EXPLANATIONS: Mapping[str, Sequence[str]] = {
    "en": _lines("""
        The passage states that {answer} is right.
        According to the text, it is {answer}.
        This is the correct answer because the quote says so.
        The sentence clearly mentions {answer}.
        As the material explains, {answer}.
        The author says that it is {answer}.
        See Figure 2 for {answer}.
        The stem asks for {answer}.
        The document confirms {answer}.
        The correct option is given in the quote.
        As mentioned above, it is {answer}.
        This can be found in the second paragraph.
        The other options are not mentioned in the article.
        It is stated in this section that {answer}.
        The given text supports {answer}.
        The article tells us {answer}.
        Based on the excerpt, {answer}.
        The table shows {answer}.
    """),
    "zh": _lines("""
        文中指出答案是{answer}。
        根据材料，答案是{answer}。
        这句话说明了{answer}。
        原文提到{answer}。
        作者认为是{answer}。
        见图2，{answer}。
        题干问的是{answer}。
        文档中说明了{answer}。
        正确选项在原句中。
        如上所述，是{answer}。
        可以在第二段找到。
        其他选项文章中没有提到。
        本节说明{answer}。
        所给文字支持{answer}。
        文章告诉我们{answer}。
        依据选段，{answer}。
        下表显示{answer}。
        资料显示{answer}。
    """),
}
