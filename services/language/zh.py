"""Chinese."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache

from services.language import language as rules
from services.language import zh_references
from services.language.key_terms import Category, NumberRules
from services.language.noun_runs import NounRuns
from services.language.outline import OutlineRules
from services.language.patterns import Pattern, pairs, words
from services.language.scripts import HAN, HAN_CHARACTER, is_han
from services.language.segmentation import Dictionary, Word
from services.language.zh_values import NUMERAL_DIGITS, in_digits, in_notation


@cache
def dictionary() -> Dictionary:
    """Return the dictionary of this process. The first call reads it, which is work for a worker process."""
    return Dictionary.load()


@cache
def _converter() -> Callable[[str], str]:
    """Return OpenCC's conversion from traditional to simplified characters, phrase by phrase."""
    # Its dictionaries take a few milliseconds to read: only who converts pays for that.
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert


def simplified(text: str) -> str:
    """Return a text in simplified characters."""
    return _converter()(text) if HAN_CHARACTER.search(text) else text


COMMON_CHARACTERS = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法"
    "学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业"
    "外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声"
    "提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金"
    "指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格"
)
"""About two thirds of the characters of a Chinese text."""

_FILLERS = words("的 了 是 在 和 与")
_FUNCTION = _FILLERS | words(
    """
    什么 哪些 哪个 哪种 哪里 哪一 多少 为什么 为何 如何 怎么 怎样 是否 请问 谁 几 吗 呢 有 被 把 对 从 到 于 为 以 之
    其 这 那 哪 个 种 些 中 上 下 时 年 及 或 而 并 也 都 一
    """
)

_GENERAL = words(
    """
    方面 问题 情况 时候 过程 方法 部分 作用 结果 特点 人们 时间 地方 东西 关系 内容 方式 基本 主要 原因 条件 基础 意义
    影响 变化 发展 形式 种类 类型 程度 阶段 水平 范围 数量 能力 目的 目标 工作 活动 现象 特征 性质 状态 环节 因素 要素
    整体 总体 个体 一般 不同 重要 之间 之后 之前 以上 以下 其中 其他 其它 大量 少量 许多 多数 少数 全部 部门 角度 事物
    事情 世界 社会 生活 人类 国家 中国 今天 现在 当时 后来 以后 以来 世纪 年代 时期 时代 历史 例子 概念 定义 含义 理论
    实际 实践 研究 学习 知识 信息 数据 材料 结构 系统 功能 单位 对象 标准 规律 规则 原则 原理 机制 模式 模型 体系 领域
    技术 工具 手段 途径 措施 步骤 任务 要求 需要 需求 可能 必要 关键 核心 中心 本质 表面 表现 代表 典型 传统 现代 名称
    名字 数字 时刻 人员 人口 个人 大家 自己 所有 各种 各个 每个 整个 某些 一些 一种 一个 这种 这些 那些 两者 二者 彼此
    左右 上下 内外 前后 周围 附近 中间 里面 外面 上面 下面 地位 地区 区域 位置 方向 距离 速度 大小 高低 长短 多少 好坏
    公司 趋势 事件 行为 事实 方案 系列 活动 看法 观点 说法 争议 意思 字面意思 情形 做法 特色 全队 全体
    外国 各国 本国 他国 我国 国外 国内 全部 全国 全球 各地 当地 本地 期间
    当局 原地址 旧址 双方 对方 成员 人士 人物 有关 相关
    效果 效率 质量 价值 成本 优点 缺点 优势 不足 区别 差异 差别 联系 共同 特殊 普遍 直接 间接 同时 最终 最后 最初 首先
    """
)
_VERBS = words(
    """
    产生 证明 发现 利用 使用 应用 通过 形成 提供 进行 具有 属于 成为 导致 引起 促进 分布 分解 合成 释放 吸收 转化 转变
    输送 运输 提高 降低 增加 减少 需要 发生 存在 包含 保持 控制 调节 支持 保护 建立 开始 结束 实现 完成 处理 解决 要求
    说明 表示 表明 认为 称为 组成 构成 连接 传递 传播 储存 积累 消耗 制造 生产 改变 限制 决定 反映 体现 利于 依靠 依赖
    """
)
_FRINGE = frozenset(word for word in _FUNCTION if len(word) == 1) | frozenset(
    "着过将向由等不没就但且若则因所该此每各某可能会要应须使让内外里前后间类条次层二三四五六七八九十两多少主最更很较只仅再又还"
    "即称叫做指含包括构成产进行发生通经利用名位本份张根支台架件月日周季场届回遍全总新旧大小高低"
)
_THING_ENDINGS = frozenset("素体光酸物质器官膜核剂菌粒液气水油糖盐碱法学论力能量率度线面点层机电热石金木花草树区")
_LATIN_NOUN_ENDINGS = ("phyll", "plast", "cyte", "gen", "ase", "ose", "ine", "ide", "oid", "some", "sphere", "zyme")

_ACTS = words(
    """
    服役 领导 统治 投票 谈判 演讲 执政 有权 有意 有望 会见 出生 去世 逝世 任职 就职 辞职 居住 进攻 访问 选举 出版 发行
    上映 登陆 宣布 批准 签署 毕业 结婚 参加 参与 加入 担任 负责 举行 举办 管理 冲突
    """
)
"""What the dictionary has as nouns though it mostly is what somebody does."""

_AUXILIARIES = words(
    "会 常会 也会 还会 都会 将会 能 能够 可 可以 应 应该 须 必须 需 需要 要 将 想 想要 愿意 来 去 并 开始 继续"
)
"""Behind them what the dictionary has as a verb or a noun is a verb."""

_DEFINITION = Pattern(
    r"^(?:所谓)?[“「]?(?P<term>[^，。；：、！？的是“”「」（）()]{2,12})[”」]?(?:[（(][^）)]*[）)])?(?:，)?"
    r"(?P<verb>是指|指的是|指|被定义为|定义为|是一[种类门个座项家部首]|是个|是)(?P<meaning>[^。！？]{8,})[。！；;]$"
)
_NO_TERM = Pattern(
    r"(?:核心|目的|目标|原因|结果|特点|重点|关键|基础|任务|原则|意义|主题|作者|首都|名称|做法|原本|本来|原先|曾经?|如今|现在|其实|后来|当时)$|(?:现任|首任|前任|历任|原名|全称|英文|简称)|不|就|也|都|还|往往|通常|正|只|这|那|什么$"
)
_NO_MEANING = Pattern(r"^[^，的]{2,8}，[他她它]|^(?:由|因|为|在|从|通过|不|否)|因为|^(?!.*的\w{2})")
"""A reason, a place, a judgment, or nothing that the term is a kind of: what `是` alone says of no definition."""
_NO_KIND = Pattern(
    r"^一?[位名]|，也是|曾经?被|的(?:中心|所在地?|核心|首都|首府|见证者?|象征|产物|代表|成员|一部分)|最|之一|另一|唯一|有争议|^[^，]*的(?:，|$)"
)
"""What is said of a thing that has been defined before."""


_PEOPLE_ENDINGS = frozenset("人员家者师生长手星王帝")


def _is_kind(meaning: str) -> bool:
    """Return whether a meaning's first clause ends in what things are called, and tells of nobody."""
    last = dictionary().cut(re.split("[，；。（(]", meaning, maxsplit=1)[0])[-1]
    return last.tag[0] not in "abdmpcr" and last.tag[:2] != "nr" and last.text[-1] not in _PEOPLE_ENDINGS


def _definition(text: str) -> rules.Definition | None:
    """Read `X是……的……`, `X是一种……`, `X是指……`."""
    match = _DEFINITION.match(text)
    if match is None:
        return None
    term, verb, meaning = match["term"].strip(), match["verb"], match["meaning"].strip()
    if _NO_TERM.search(term) or (verb == "是" and _NO_MEANING.search(meaning)):
        return None
    listed = verb == "是" and "、" in re.split("[，；。]", meaning, maxsplit=1)[0]
    if "指" not in verb and (listed or _NO_KIND.search(meaning) or not _is_kind(meaning)):
        return None
    # 是个 is 是一个.
    counted = verb.replace("是个", "是一个").removeprefix("是") if verb.startswith(("是一", "是个")) else ""
    return rules.Definition(term, counted + meaning)


_ANY_MEMBER = Pattern(r"^(?:一些|其他|其它|许多|某些|各种|所有|大量|部分|多[个种名])|等$")
"""A member of a list that names nothing."""
_LISTS = rules.ListRules(
    sure=Pattern(r"、"),
    likely=Pattern(r"[^，。；：、]{2,8}(?:和|与|以及)[^，。；：、]{2,8}"),
    closed=Pattern(
        r"(?:包括|包含|分为|分成|有|是|由|分别是|分别为|即|：|为|含有|需要|组成部分是)(?P<list>(?:[^，。；：、"
        r"！？和与及以的是（）()]{1,10}、){1,5}[^，。；：、！？和与及以的（）()]{1,10}?"
        r"(?:和|与|以及|及)[^，。；：、！？和与及的（）()等]{1,10}?)(?P<after>[。；，！]|(?:[两三四五六七八]"
        r"|\d)[个种类大部条层点]|组成|构成|$)"
    ),
    open=Pattern(r"等|例如|比如|诸如|主要"),
    between=Pattern(r"、|以及|和|与|及"),
    separator=r"(?:、[^，。；：、]{1,10})*[，、]?(?:、|和|与|以及|及|或)",
    is_member=lambda member: 2 <= len(member) <= 10 and not _ANY_MEMBER.search(member),
)

_READING = rules.ReadingRules(
    shortest=10,
    longest=110,
    opens_badly=Pattern(
        # Verse: clauses of five or seven characters each.
        rf"^[{HAN}]{{5}}(?:[，；,;][{HAN}]{{5}})+[。！？]?$|^[{HAN}]{{7}}(?:[，；,;][{HAN}]{{7}})+[。！？]?$|"
        # What was said goes on: “…。”小明说，“…。”
        r"^[^，。：“「]{1,8}[说问道答喊]，[“「]|"
        r"^(?:它|他|她|这|那|其|该|此|因此|所以|但|而|然而|不过|同时|另外|此外|例如|比如|如图|如下|由此|于是|可见|总之"
        r"|也|并|则|前者|后者|首先|其次|最后|接着|然后|第[一二三四五]|上述|以上|以下|下面|我们|你|我|[^，]{1,8}，(?:他"
        r"|她|它|其|该)|在他们|在它们|在此|在这|在其|与此|否则|反之|相反|换言之|换句话说|注意|图[是中示]|表[是中示]"
        r"|当时|届时|后来|随后|之后|尔后|从此|自此|至此|为此|除此|对此|据此|在当时|到那时|与此|同样|类似|相比之下|事实上"
        r"|实际上|结果|最终|尽管如此|虽然如此|即便如此|从那|自那|到了?那|直到那|在那"
        r"|见图|见表|小结|总结|一句话|提示|想一想|思考|讨论|观察|请|例[：题]|运用|说出|举例|区分|判断|解释|描述|分析"
        r"|认识|了解|掌握|理解|学会|知道|比较|说明|归纳|接下来|时至|其余|原因|[两二三]者|各方|至于|另有|担任|还有|特别的?是|尤其是|具体|如果成功|在[他她它]|[^，]{0,8}[以由对给为与][他她](?!们|国|人|山)|当中|其间|期间，|次[年日月]|同[年日月]|翌[年日]|不久[，后]|当[年日]|一些其他|其他|另一些|原地址|旧的|新的|前[一两]|后[一两])"
        # What is only assumed, and not stated.
        r"|^(?:设(?![备计施立想定有置在于为])|假[设定](?!检验|演绎|[是的])|已知(?![的最有在])|让我们|不妨|令(?=[A-Za-z]))"
        # A month without its year, and one thing more than what was told of.
        r"|^[\d一二三四五六七八九十两几数多]+[个]?(?:[年天月日周]+|星期|礼拜|小时|分钟)(?:之?后|以后|之?前|以前)"
        r"|^[在于从自据按][^，。]{2,40}，(?:他们?|她们?|它们?)(?!人)|^[在于][^，。]{2,20}，(?:被|也|亦|并|协助|获)"
        r"|^(?!.*年)[^，。]{0,6}\d{1,2}\s*月|^[^一]*另一"
        # 八月，…… of which year, and 本身 of what; one of several.
        r"|^最[^，。]{1,8}的是|^(?!.*年)闰?[正腊冬一二三四五六七八九十]{1,2}月[^，。]{0,6}，|^(?:本身|自身|当初)(?!的)"
    ),
    pointer=Pattern(
        rf"(?:这些|那些|[这那](?:[一两二三四五六七八九十几]?[种个次项位类场片座支段批份家条所部名]|一)|(?<!应)该"
        rf"|(?<![因如彼从在与为对据至])此(?![后前时外类起]))(?P<thing>[{HAN}]{{1,2}})?"
    ),
    points_elsewhere=Pattern(
        r"如图|上述|前述|这里|此处|此地|见图|下图|上图|图\s?\d|表\s?\d|下表|上表|本章|本节|本课|上一节|下一节|这一章|上文|下文|如下|前面|后面"
        r"|以下[几一二三四五六七八九十两]|\[(?:更新|来源请求|需要)"
    ),
    definition=_definition,
    lists=_LISTS,
    passage_reference=zh_references.PASSAGE_REFERENCE,
    thing_references=zh_references.THING_REFERENCES,
    question_reference=Pattern(
        r"(?:这|该|此)(?:句话|句子|段话|一句|题)|原句中|题干|\bJSON ?(?:对象|字段|输出)", re.IGNORECASE
    ),
    fewest_characters=10,
    task=Pattern(
        r"^(?:思考|讨论|提问|问题|问|练习|习题|例题?|想一想|探究|活动|导入|验算|学习目标|本[课节章])\s*\d*\s*[:：.、]"
        r"|参考答案|^[图表]\s*\d"
    ),
    task_section=Pattern(
        r"^[\W\d]*(?:[^。，\n]{0,6}(?:思考题?|练习题?|习题|复习题|测试题|自测题?|讨论题?|课堂练习|课后作业|作业"
        r"|探究活动)"
        r"|参考答案|答案|(?:学习|教学)目标|(?:教学)?重点难点|参考文献|本课关键词|关键词"
        r"|致谢|版权(?:页|声明|信息)?|作者简介|关于作者)[\W\d]*$"
    ),
)

_OPPOSITES = """
    上/下 大/小 多/少 高/低 快/慢 内/外 前/后 左/右 长/短 冷/热 干/湿 轻/重 明/暗 光/暗 阴/阳 正/负 升/降 增/减
    进/出 入/出 吸/放 深/浅 固/液 液/气 固/气 东/西 南/北 早/晚 新/旧 强/弱 动/静 粗/细 咸/淡 开/闭 张/合 冬/夏
    春/秋 昼/夜 日/夜 天/地 海/陆 表/里 表/下 加/减 乘/除 买/卖 男/女 老/少 生/死 奇/偶 凹/凸 软/硬 厚/薄 宽/窄
    远/近 胜/败 得/失 增加/减少 增多/减少 增大/减小 扩大/缩小 升高/降低 提高/降低 上升/下降 促进/抑制 吸收/放出
    吸收/释放 打开/关闭 加快/减慢 加速/减缓 大于/小于 高于/低于 多于/少于 早于/晚于 最多/最少 最大/最小 海洋/陆地
    白天/夜晚 有利/不利 直接/间接 内部/外部 开始/结束 出现/消失 聚集/分散 湿润/干旱 疏松/紧实 茂盛/稀疏
"""

_STATEMENTS = rules.StatementRules(
    negation=Pattern(r"(?<![差])不(?![断同仅但论管])|没有?|无(?!论)|非(?!常|洲)|未(?!来)"),
    qualifiers=Pattern(
        r"有时|有些|往往|通常|一般|常常|经常|大多|多数|少数|主要|部分|几乎|大约|约|左右|至少|至多|超过|不到|以上|以下"
        r"|只|仅"
        r"|可能|可以|也许|大部分|如果|若|之一|目前|最"
    ),
    open=Pattern(
        r"可能|可以|也许|有些|有时|例如|比如|诸如|如[^果何图表此今下]|往往|通常|一般|大多|主要|尤其|包括|之一"
        r"|等[，。；]"
        r"|能[^量源力够]"
    ),
    roughly=Pattern(r"约|左右|上下|近"),
    bound=Pattern(r"(?:至少|超过|不到|多达|至多|最多|少于|多于|大于|小于|高于|低于|到|至|[-–—~～])\s*$", re.IGNORECASE),
    # Only the last clause is denied: what follows another would lean on what is not so any more.
    deniable=Pattern(
        r"(?<![但于可总别其还就都也只正要若便凡或像老算即如国不常曾原本则既又并先才，])是(?![否非])(?=[^，；：]*$)"
    ),
    # Nor one of several that are told: 一是……，二是…….
    undeniable=Pattern("虽然|尽管|但是?|然而|不过|[一二三四]是[^。]*[二三四五]是"),
    denials=("没有{}", "不{}"),
    opposites=pairs(_OPPOSITES),
)

_RARE = math.log(1 / 50_000)


def _difficulty(sentences: Sequence[str]) -> float:
    """Return the average sentence length in words plus difficult words per hundred words; 0 for none.

    It is the difficulty coefficient of teaching Chinese as a foreign language; a word counts as difficult when it is
    rarer than one in 50,000 in jieba's frequencies, where the original asks a graded word list.
    """
    found = [word for sentence in sentences for word in dictionary().cut(sentence)]
    if not found:
        return 0.0
    difficult = sum(word.log_probability < _RARE and word.tag != "x" for word in found)
    return len(found) / len(sentences) + 100 * difficult / len(found)


def _sort(term: str, category: Category) -> str:
    """Return a name's kind, else what a term is a kind of: its last character; a verb's object names nothing."""
    cut = dictionary().cut(term)
    if category is Category.CONCEPT and cut and cut[0].tag.startswith(("v", "a", "d")) and cut[0].tag != "vn":
        return ""
    # What the dictionary has as a common noun is no name: 冰川.
    if category is Category.CONCEPT and len(cut) == 1 and cut[0].tag == "n":
        return f"concept:{term[-2:] if term[-1] in _VAGUE_ENDINGS else term[-1]}"
    if category is Category.PERSON or _NAMING.person.search(term):
        return "person:native" if term[0] in _SURNAMES and len(term) <= _LONGEST_NATIVE else "person"
    kind = next((kind for kind, pattern in _NAMING.kinds if pattern.search(term)), "")
    if category is Category.ACRONYM:
        return ""
    if term.endswith("三角洲"):
        return "place:land"
    if kind == "place" or category is Category.PLACE:
        rank = f":{term[-1]}" if kind == "place" and len(term) > 1 else ":region" if term[-1] in "亚洲欧美" else ""
        # The dictionary has common nouns as places, but hardly one that is transcribed: 秘鲁, and 入口.
        rank = rank or (":foreign" if all(map(_TRANSCRIBED.__contains__, term)) else "")
        return "place" + next((sort for sort, endings in _LANDSCAPES.items() if term[-1] in endings), rank)
    if kind == "organization" or (category is Category.CONCEPT and not kind):
        # 星际空间 and 一段时间 share a character, and are not of one sort.
        return f"{kind or category}:{term[-2:] if term[-1] in _VAGUE_ENDINGS else term[-1]}"
    return kind or category.value


_LANDSCAPES = {
    ":water": frozenset("河江湖海洋峡域水"),
    ":land": frozenset("脉岛原地漠陆山峰谷岭"),
    ":house": frozenset("寺"),
    ":road": frozenset("路街道巷"),
}
"""Places where nobody has a home, by the last character."""
_VAGUE_ENDINGS = frozenset("间期面量度性力方")
"""Last characters that say little of what a thing is."""
_LONGEST_NATIVE = 3
"""Characters of a Chinese person's name."""
_COUNTED_TIME = Pattern(r"^\s*(?:世纪|年代)|^[-–—~%°′'’度]")


_QUALIFYING = words(
    "主要 重要 基本 普遍 特殊 直接 间接 典型 不同 大量 许多 多数 少数 全部 大型 小型 其他 最大 最高 所有 同一 同样"
)
"""What says of a thing only how it is."""
_NO_PART = words("两者 二者 方面 双方 各自 自己 本身 其中 广义 狭义 现任 前任 首任 历任 该处 同年")
"""Words with which nothing is named."""
_SPLIT_NAME = Pattern(r"的[对把从向给]$")
"""What the dictionary takes for a preposition where none can stand: the beginning of 对马."""
_DENYING = frozenset("不非无未")
_MORE_NEXT = Pattern(
    r"^(?:元|[一二三四五六七八九十]+)[年世]|^(?:之|以)?后[又，就便再才即立被开]|^[属科目纲亚][的植动，。、（]"
)
"""Behind the name of an era or a ruler: which year of it, which of that name; behind what somebody does, what comes
after it; behind a plant or an animal, the rank that it has."""
_BEFORE_NAME = frozenset("新旧老大小东西南北前后副")
"""Words that belong to the name behind them: 新南威尔斯."""
_RANKS = frozenset("县市省州区镇乡村站港山河江湖海岛")
"""Behind a place's name: the rest of it."""
_NAME_TAGS = frozenset(("ns", "nt", "nz", "nr", "nrt", "nrfg"))
_PERSONS = frozenset(("nr", "nrt", "nrfg"))
_REPORTS = words("规定 认为 指出 表明 证明 提出 主张 要求 显示 说明 强调 发现 声称 宣布 规则 记载")
"""Verbs whose subject is a part of what seems to be a term, where what is said follows: 青苗法规定，…"""
_MODAL = frozenset("是有能会可要让使被将应须需")
_JOINED = frozenset("间际非反")
"""Words that belong to the noun beside them: 州间, 非成员."""


def _is_number_of_name(text: str, start: int, end: int, words: Sequence[Word]) -> bool:
    """Return whether a number counts a time or a range, or stands right behind a name: 费城76人, 波音747."""
    named = any(word.end == start and word.tag in _NAME_TAGS for word in words)
    return _COUNTED_TIME.search(text[end:]) is not None or (named and text[end : end + 1] not in "年月日")


def _is_compound(words: Sequence[Word], start: int, end: int) -> bool:
    """Return whether one character beside a term makes one word with it: 重铬酸钾; 哈希表 before a verb."""
    for word, following in zip(words, [*words[1:], None], strict=True):
        if len(word.text) > 1 or not is_han(word.text):
            continue
        if word.end == start and word.tag.startswith("a"):
            return True
        verbs = word.tag == "v" and following is not None and following.start == word.end and following.tag == "v"
        if word.start == end and verbs and word.text not in _MODAL:
            return True
    return False


def _ends_in_verb(inside: Sequence[Word], following: str) -> bool:
    """Return whether the last word of a term says what something does, or how."""
    last = inside[-1]
    reports = len(inside) > 1 and last.text in _REPORTS and following in {"，", "：", ",", ":"}
    return reports or last.tag.startswith(("v", "a", "d", "r"))


def _is_part(text: str, start: int, end: int) -> bool:
    """Return whether the words beside a term belong to it, or it ends in a verb: 由市长管理."""
    words = dictionary().cut(text)
    if text[start].isdigit():
        return _is_number_of_name(text, start, end, words)
    inside = [word for word in words if start < word.end and word.start < end]
    if not inside:
        return False
    if inside[0].start < start or inside[-1].end > end or _ends_in_verb(inside, text[end : end + 1]):
        return True
    term = text[start:end]
    if any(word.text in _ACTS for word in inside) or any(len(term) > 2 and term.startswith(w) for w in _QUALIFYING):
        return True
    if (text[start - 1 : start] == "有" and text[end : end + 1] == "的") or (start and text[start - 1] in _DENYING):
        return True
    if _MORE_NEXT.match(text[end:]) or (inside[-1].tag == "ns" and text[end : end + 1] in _RANKS):
        return True
    if any(word.text in _NO_PART for word in inside) or _SPLIT_NAME.search(text[:start]):
        return True
    beside = [word for word in words if word.end == start or word.start == end]
    if _is_compound(words, start, end):
        return True
    if inside[0].tag in _PERSONS and any(w.start == end and _ends_name(w) for w in beside):
        return True
    return any(
        (word.end == start and word.text in _BEFORE_NAME)
        or word.tag.startswith(("n", "x"))
        or word.tag in {"h", "k"}
        or word.text in _TRANSCRIBED
        or word.text in _JOINED
        for word in beside
    )


def _ends_name(word: Word) -> bool:
    """Return whether a character behind a name is likelier the end of it than what its bearer does: 维摩诘."""
    rare = word.tag == "v" and word.text not in COMMON_CHARACTERS and word.log_probability < _RARE
    return len(word.text) == 1 and (word.tag[0] in "mqjgabz" or rare)


_STAND_INS = words(
    """
    学校 公司 球队 影片 电影 小说 专辑 节目 比赛 赛事 战争 城市 王朝 政府 车站 线路 铁路 全市 全县 全省 全区 全镇
    全书 全剧 全片 全校 全村 全岛 全境 市区 县城 校园 校区 球场 机场 战役 作品 歌曲 单曲 剧集 游戏 组织 机构 委员会
    帝国 王国 国家 岛屿 地区 当地 大楼 建筑 建筑物 寺庙 教堂 大桥 隧道 公路 河流 湖泊 山脉 乐队 乐团 团队 球会
    俱乐部 联赛 杂志 报纸 出版社 医院 图书馆 博物馆 动物园 公园 大学 学院 舰队 部队 军队 敌军 联军 父亲 母亲 妻子
    丈夫 儿子 女儿 弟弟 哥哥 皇帝 国王 总统 主席 作者 导演 主角 选手 球员 学生 居民 人口 面积 总面积 气候 地形 地势
    原文 全文 标题 名称 名字 故事 剧情 票房 收视率 研究者 专家 学者 评论家 校舍 总部 会址 站房 全线 本线 单位 条约
    法案 宪法 事件 事故 会议 协议 计划 项目 工程 产品 品牌 平台
    """
)
"""Nouns by which a text calls what it has named."""
_LEAD_TIME = Pattern(
    r"^(?:(?:根据|据|按照?|依照?)[^，]{1,30}，)?(?:[^，]{1,14}(?:年|世纪|年代|月|日|期间|时期|时|后|前|初|末|底)，|(?:公元)?前?\d{1,4}年(?:\d+月)?(?:\d+日)?[初末底春夏秋冬]?)"
)
_NO_SUBJECT = words("被 平均 全长 总长 年均 总 高 海拔")
"""What tells how a thing is, or was dealt with, without the thing."""
_ADVERBIAL = ("d", "t", "ad", "c", "f")


_GOES_ON = Pattern(r"^[^，]{0,10}(?:[也亦又则]|还(?!原))|^[^，]{0,14}，同样|另外|另有|同样|却|相比之下|与之")
"""What adds to something that was told."""
_DAY = Pattern(r"(?<![年\d])\d{1,2}\s?月(?!份?刊)")
_COUNTED_FROM = Pattern(
    r"同年|次年|翌年|隔年|当[年天日时晚]|[此其随之]后[，的]|后来|稍后|不久|^[赛会事婚战案课术任]后|^期间"
    r"|^(?:赛季|学期|任期|任内|比赛|战斗|会议|影片|电影|节目|剧|片|书|文)(?:之?[中内初末后]|期间|里)"
)
"""A time that is counted from one which another sentence tells."""
_ADDRESSES = Pattern(r"我(?!国)|咱们|你们|笔者|您")
_NOW = Pattern(r"最近一[次届]|现任|今年|今天|目前|现在|现时|如今|现今|近年|最近|迄今|至今")
"""A time that is the writer's."""
_SO = Pattern(
    r"这(?![是也就才便])|^[州县市区镇村校队站岛省](?:[大内中里位面人境]|的)|[这那]样|(?<!因)如此|[这那]么|[这那]里"
)
_OF_THAT = Pattern(r"^[^，]{1,20}是(?:[他她它]们?|其)的?(?!实|他|它|中|余)")
"""What says whose the subject is by a pronoun alone."""
_OTHERS = Pattern(r"其[中他它]|[他她它](?!们?国)|前者|后者|双方|两[者人]|全[队团校厂村镇县市]")
_LONG_QUOTE = Pattern(r"[“「][^”」]{15,}[”」]")


def _leaning(text: str, subject: rules.Subject) -> float:
    """Return how much a sentence leans on others: 1 without a subject of its own, or with a month of no year."""
    if _DAY.search(text) and "年" not in text + subject.title:
        return 1.0
    counted = _COUNTED_FROM.search(text)
    found = 0.6 if counted and "年" not in text[: counted.start()] else 0.0
    found += sum(points for pattern, points in _SOFT if pattern.search(text))
    return min(1.0, found + _leans(text, subject) + _of_things(text, subject))


def _of_things(text: str, subject: rules.Subject) -> float:
    """Return how much a sentence leans by nouns that stand for what has been named, wherever they stand."""
    words = dictionary().cut(text)
    tags = ["", *(word.tag for word in words), ""]
    for before, word, after in zip(tags, words, tags[2:], strict=False):
        alone = not before.startswith(("n", "m", "q", "r", "j", "b", "x", "eng")) and not after.startswith(("n", "x"))
        if alone and word.text in _STAND_INS and word.text not in text[: word.start] and word.text not in subject.title:
            return 0.4
    return 0.0


_SOFT = (
    (_GOES_ON, 0.3),
    (_ADDRESSES, 1.0),
    (_LONG_QUOTE, 0.4),
    (_NOW, 0.4),
    (_OTHERS, 0.2),
    (_SO, 0.6),
    (_OF_THAT, 1.0),
)


def _leans(text: str, subject: rules.Subject) -> float:
    """Return 1 where a sentence has no subject of its own, or one that only stands for what has been named."""
    lead = _LEAD_TIME.match(text)
    found = dictionary().cut(text[lead.end() if lead else 0 :])[:6]
    while found and (found[0].tag in _ADVERBIAL or (found[0].tag == "a" and [w.tag[0] for w in found[1:2]] == ["v"])):
        found = found[1:]
    if not found:
        return 0.0
    if found[0].tag == "p" and found[0].text != "被":
        comma = text.find("，", (lead.end() if lead else 0) + found[0].start)
        return 1.0 if comma < 0 else _leans(text[comma + 1 :], subject)
    first, beside = found[0], found[1].tag if len(found) > 1 and found[1].start == found[0].end else ""
    verb = first.tag.startswith("v") and first.tag != "vn"
    if first.text in _STAND_INS and not beside.startswith("n"):
        return float(first.text not in subject.title)
    return float(verb or first.text in _NO_SUBJECT)


_CLOZE = rules.ClozeRules(
    wording=rules.ClozeWording(
        gap_explanation="原句：{sentence}",
        choose="下列哪一项填入横线处最恰当？\n{gapped}",
        choose_number="下列哪个数字填入横线处是正确的？\n{gapped}",
        choose_described="“{meaning}”指的是下列哪一个？",
        choice_explanation="正确答案是“{answer}”：{sentence}",
        true_explanation="正确。{sentence}",
        false_explanation="错误。应为“{old}”，而不是“{new}”：{sentence}",
        choose_members="下列哪些应填入横线处？（多选）\n{gapped}",
        members_explanation="应选：{members}。{sentence}",
        member_separator="、",
        choose_statements="下列说法正确的有哪些？（多选）",
        choose_statements_about="关于{topic}，下列说法正确的有哪些？（多选）",
        exchange_note="“{new}”应为“{old}”",
        note_separator="；",
        statements_explanation="错误的说法中，{notes}。",
        define="用一两句话说明：什么是{name}？",
        describe="用一两句话说明你对{name}的了解。",
        answer_explanation="参考：{sentence}",
        rubric_point="说到“{term}”",
        about="关于“{title}”：{text}",
        reasons={
            "single_choice": "句中的关键词有同类词可作干扰项",
            "multiple_choice": "有并列成分或相邻的陈述可供辨别",
            "true_false": "有独立成句的陈述可供判断",
            "fill_in_the_blank": "有含关键词的句子可供填空",
            "short_answer": "有定义或对概念的说明可供简述",
        },
    ),
    longest_heading=24,
    good_length=45,
    longest_option=60,
    hedge=Pattern(
        r"不|没|无|非|未|可能|可以|也许|或者|或|有些|一些|有时|例如|比如|诸如|之一|等|往往|通常|一般|大多"
        r"|主要|尤其|包括|还|也|能够|能"
    ),
    approximate=Pattern(r"(?:约|大约|至少|超过|不到|近|多达|至多|最多|少于|多于|大于|小于)\s*$"),
    pronoun=Pattern(r"他们|它们|她们|这些|那些|此时|这时|当时"),
    leans=_leaning,
    sort=_sort,
    is_part=_is_part,
    # Behind 波兰语： stands a translation of what is told before it.
    listed=Pattern(rf"(?:[、和与及或跟同等]|(?:[，（(]如|例如|比如|诸如)[：:]?|[{HAN}]\s|语\s?[：:])\s*$"),
    bounds=(
        (Pattern(r"\s?月"), 12),
        (Pattern(r"\s?[日号]"), 31),
        (Pattern(r"\s?[点时](?!间)"), 24),
        (Pattern(r"\s?[%％]"), 100),
    ),
    lists_on=Pattern(r"\s*(?:、|和|及|或|以及)|年[，、]\s?\d|\s?(?:至|到|[~～–—-])\s?\d"),
    # A count before a term is part of it more often than not: 三碳化合物.
    clings=Pattern(rf"[A-Za-z\-–—·][{HAN}]$|[一二三四五六七八九十\d①-⑨⁰¹²³⁴-⁹₀-₉]\s*[{HAN}]$"),
)

_STEMS = rules.StemRules(
    shortest_question=8,
    shortest_marked=6,
    shortest_statement=6,
    short_question=Pattern(
        r"^(?:什么(?:是|叫)|简述|解释|说明|比较)[^？?。，]{2,}[？?。]?$|^为什么[^？?。，]{2,}[？?]$|^[^？?。，]{2,}是(?:什么意思|(?:什么|谁)[？?])"
    ),
    question=Pattern(
        r"[？?][”」）)\s]*(?:[（(][^）)]*[）)])?\s*$|[？?]\n|吗[。]?$"
        r"|(?:什么|哪[些个一种项类]|谁|多少|为什么|为何|如何|怎样|怎么)[^。]{0,12}[（(]多选[）)]$"
    ),
    task=Pattern(
        r"说明|解释|简述|描述|列举|比较|分析|指出|举例|写出|^请?[说讲列给找]出|谈谈|概括|论述|阐述|选出|计算"
        # Without its mark, a question is whole where it ends in what it asks: 是什么, 是何时开始的.
        r"|(?:什么|哪[里儿些个种年]|谁|多少|几[个种年次天]?|何(?:时|地|处|人|物)?|如何|怎样|怎么样?)[。]?$"
        r"|(?:什么|哪[一个些种]?|多少)(?:时候|时间|地方|原因|名字|方法|意义|作用|年代?|人|种|天|岁|样|国家|城市"
        r"|颜色|形状|东西|[条座支位]\w)[。]?$|哪[种类个][\u4e00-\u9fff]{2}[。]?$|(?:什么|哪|谁|几|多少|何|怎)[^，。、]{0,8}[的了吗呢][。]?$"
        r"|[（(]\s*[）)]\s*。?$|(?:的是|的有|包括|属于)[:：]?$"
    ),
    asking=Pattern(
        r"原理|机制|过程|作用|意义|特点|特征|影响|内容|方式|方法|原因|结果|主要|重要性?|情况|关系|定义|含义|概念|什么"
        r"|哪[些个种一项类里]?|多少"
        r"|几|如何|怎样|怎么样?|为什么|为何|请|简述|说明|解释|描述|列举|下列|关于|说法|正确|错误|多选|单选|句话|材料"
        r"|我们|人们"
        r"|进行|可以|能够?|应该|不同|[的是有吗呢了在和与对中里上下这那它其之以由从把被使让及或也都]"
    ),
    cause=rules.Demand(
        # What is 称为什么 is asked for a name.
        asks=Pattern(r"(?<![称名作成视封述版改译])为什么(?!\s*[？?]?\s*$)|^(?:这是)?为什么|为何|原因"),
        gives=Pattern(
            r"因|由于|为[^了，。]{2,30}(?:而|表示|感到)|所以|使|让|导致|引起|造成|为了|才|于是|从而|以免|否则|靠|决定|取决|推动"
        ),
    ),
    purpose=rules.Demand(
        asks=Pattern(
            r"(?:什么|哪[些种]|何种?|有何)(?:主要|重要)?(?:作用|功能|用途)|(?:作用|功能|用途)(?:是|有|为|包括)*(?:什么|哪|何)"
            r"|(?:说明|简述|描述|解释|概括)[^？?]*(?:作用|功能|用途)"
        ),
        gives=Pattern(
            r"使|让|把|将|能|可以|用[来于作]|为|帮助|提供|供|调|保|促|输|吸收|带|起|产生|影响|净|蓄|减|增|防|控制"
            r"|维持|支撑|合成|分解"
        ),
    ),
    effect=rules.Demand(
        asks=Pattern(
            r"(?:什么|哪[些种]|何种?|有何|怎样的)(?:主要|重要|直接)?(?:影响|意义|后果)"
            r"|(?:影响|意义|后果)(?:是|有|为|包括)*(?:什么|哪|何)|(?:说明|简述|描述|解释|概括)[^？?]*(?:影响|意义|后果)"
        ),
        gives=Pattern(
            r"使|让|导致|引起|造成|因此|因为|所以|从而|影响|会|越|改变|增|减|下降|上升|升高|降低|缩|扩|促|保证|维持"
            r"|带|塑造|形成|能|变"
        ),
    ),
    definition=rules.Demand(
        asks=Pattern(r"什么是|是什么[？?。]?$|含义|定义|指的?是什么|什么叫|是指什么"),
        gives=Pattern(r"是指|指的是|叫做?|称为|：|是一[种个类门项]"),
    ),
    # Who or what opens a clause still does something.
    offers=(
        r"{answer}[^？?:：—]{{0,30}}还是|还是[^？?(（]{{0,8}}{answer}|[和与或、]{answer}(?:之?[中间])?[^？?。]{{0,20}}哪"
        r"|{answer}[和与或、][^，。？?]{{1,12}}[中间][^？?。]{{0,16}}哪"
    ),
    unfinished=Pattern(r"(?:^|[，,])(?:谁|哪[里些个种]|什么|多少|几)$"),
    option_reference=zh_references.OPTION_REFERENCE,
)

_WRITING = rules.WritingRules(
    labels=("题干|题目|问题|判断题?|单选题?|多选题?|单项选择题|多项选择题|填空题?|简答题?|答案|参考答案|解析|理由"),
    lead=Pattern(
        r"^(?:根据|依据|按照|由|从)?(?:材料|原文|上文|文中|文本|短文|文章|段落|表格|图表|表中|图中)(?:中"
        r"|里)?(?:的?(?:内容|数据))?(?:明确)?"
        r"(?:(?:提到|指出|可知|所述|说明|写道|说到|表明|显示|给出)了?\s*[，,：:]?|[，,：:])\s*"
    ),
    placeholder=Pattern(
        r"题干|问句|陈述句|(?:不含|不出现)答案|^(?:唯一)?(?:正确|错误|参考)的?(?:答案"
        r"|选项)\s*[A-D一二三四五1-5]?[。.]?$"
        r"|^\W*(?:另一个)?(?:错误|正确)?的?(?:答案|选项|干扰项)\W*$|^\W*(?:(?:此处|请)填写.*|待补充|待定|略)\W*$"
        r"|^[一两二三四几][到个].{0,12}(?:答案|选项)[。.]?$|^(?:干扰项|选项|答案|要点|理由|题目"
        r"|解析)\s*[A-D一二三四五1-5]?[。.]?$",
        re.IGNORECASE,
    ),
    declines=Pattern(
        r"(?:很|非常|十分|实在)?(?:抱歉|对不起|遗憾)|我(?:无法|不能|没办法|不便|不可以)|作为(?:一个|一名)?(?:AI"
        r"|人工智能|语言模型)[^。]{0,40}[不无]"
    ),
    telling_length=6,
)

_COMMANDED = "^|[，,；;：:。]|请|务必|必须|直接|麻烦|希望(?:你|您|老师)|你(?:应该?|要|需要?)|您(?:应该?|要|需要?)"
"""What stands before a verb that commands."""
_GRADING = rules.GradingRules(
    no_model="没有可用的模型评阅这道题，请人工评阅。",
    unsound="未能得到可靠的评分，请人工评阅。",
    failed="模型未能评阅这道题，请人工评阅。原因：{how}。",
    failures={
        "PROVIDER_UNAUTHENTICATED": "模型服务商拒绝了所配置的密钥",
        "PROVIDER_FORBIDDEN": "模型服务商不允许该密钥进行此操作",
        "PROVIDER_OUT_OF_CREDIT": "模型服务商的账户余额或额度已用完",
        "PROVIDER_RATE_LIMITED": "已达到模型服务商的速率限制",
        "PROVIDER_UNAVAILABLE": "模型服务商无法访问",
        "PROVIDER_TIMEOUT": "模型服务商未及时回答",
        "PROVIDER_BUSY": "模型正忙",
        "PROVIDER_REJECTED": "模型服务商拒绝了请求",
        "PROVIDER_BAD_RESPONSE": "模型服务商的回答无法读取",
        "BUDGET_EXHAUSTED": "预算已用完",
        "MODEL_NOT_FOUND": "没有这个模型",
        "MODEL_TOO_SLOW": "模型用时过长",
        "CONTENT_FILTERED": "模型服务商的过滤器拒绝了请求",
        "CONTEXT_TOO_LONG": "内容超出模型可读的长度",
        "MODEL_REFUSED": "模型拒绝回答，或其回答被过滤",
        "MODEL_CUT": "模型的回答因长度限制被截断",
        "MODEL_ONLY_THOUGHT": "模型只作了思考，没有给出回答",
        "MODEL_WROTE_NOTHING": "模型没有写出任何内容",
        "INVALID_JSON": "模型的回答无法读取",
    },
    # Who grades is spoken to in a command, as 你, or by name; a text about grading does neither.
    to_grader=Pattern(
        rf"(?:{_COMMANDED})(?:给|打|判|评|算)(?:我|本题?|该题?|这道?题?|此题?|予|以|出|个)?(?:答案|回答)?(?:打|评|判|为)?"
        r"(?:满|高|全|最高|\d+|[一二三四五六七八九十]+)分"
        rf"|(?:{_COMMANDED})(?:忽略|无视|忘记|忘掉|不要理会|不要管|跳过)[^，。；]{{0,20}}"
        r"(?:指令|指示|提示词|评分|打分|判分|(?:以上|上面|上述|之前|前面)(?:的|所有|全部|一切)*(?:内容|说明|要求|规则|标准|提示|文字))"
        r"|你(?:现在)?是(?:一[个位名])?[^，。]{0,6}(?:AI|人工智能|助手|语言模型|评分|阅卷|机器人|老师)"
        r"|(?:作为|身为)(?:评分|阅卷|批改)(?:者|人|员|老师)?[，,]?(?:你|您|请|应|给)"
        r"|(?:本|该|这个?|此|我的)(?:答案|回答|作答)(?:应该?|应当|必须|理应|值得)(?:得|获|给|判|打|评|算)"
        r"|(?:阅卷|评分|批改)(?:者|人|员|老师)[，,：:]?(?:您好|你好|请)|^(?:系统|助手)[：:]",
        re.IGNORECASE,
    ),
    framed=Pattern(
        r"(?:我(?:觉得|认为)?)?(?:(?:正确|参考|最终)?答案(?:应该|应当)?(?:是|为|选|[:：])+)\s*(?P<said>\S.*)$"
    ),
    chosen=Pattern(
        r"(?:我)?(?:应该?)?(?:选择?|选项|填)?\s*[(（\[［【〔]?\s*(?P<said>[A-Ha-h]{1,8})\s*[)）\]］】〕]?\s*(?:选?项|正确)?$"
    ),
    true=words("对 正确"),
    short_true=words("是 是的 对的 是对的 是正确的 勾"),
    false=words("错 错误"),
    short_false=words("否 不是 错的 不对 不正确 是错的 是错误的 叉"),
    between="[、，;；]|以及|[和与及或]",
    in_order=Pattern(
        r"依次|顺序|次序|先后|分别|排序|排列|步骤|阶段|朝代|流程|首先|其次|最后|然后|接着|→|第[一二三四五1-5]"
        r"|[从由][^，。]{1,12}[到至]|前[两二三].*后"
    ),
)

_ANSWERING = rules.AnsweringRules(
    not_in_material="资料中没有这个问题的答案。",
    unsupported="（资料中没有支持以上内容的依据。）",
    contradicted="（来源的说法与此不同）",
    deliberation=(
        "好的",
        "嗯",
        "首先，我",
        "首先我",
        "用户",
        "让我",
        "我需要",
        "我们需要",
        "我得",
        "我应该",
        "这个问题",
        "问题是",
    ),
    passive=Pattern(r"被|由|为[^，。]{1,8}所|受到"),
    apology="(?:很|非常)?(?:抱歉|对不起|不好意思|遗憾)|(?:根据|依据|从|在)[^，。]{2,20}(?=[，,])|问题(?:是|问的是)[^。]{0,60}(?=。)",
    overview=Pattern(
        r"文档|文件|文章|资料|材料|课文|课件|讲义|课程|本章|本节|本文|全文|章节|章|节|幻灯片|演示文稿|总结|小结|概括"
        r"|概述|归纳|梳理|简述"
        r"|简介|介绍|主要|核心|重点|要点|大意|主旨|主题|中心|思想|内容|讲述|讲|说|写|关于|整体|整|本|份|篇|请|帮|我"
        r"|下|用|句话|话"
    ),
    definition=Pattern(
        r"^(?:请问?)?(?P<asks>什么(?:是|叫做?)|何[谓为]|解释(?:一下)?|说明(?:一下)?)?"
        # What is only said to be a process is mostly called without that: 蒸腾作用, 蒸腾.
        r"[“「《]?(?P<named>[^，。、；：？?！“”「」《》的是\s]{2,12}?)(?:作用|现象|过程)?[”」》]?"
        r"(?:的(?:定义|含义|概念|意思))?"
        r"(?(asks)|(?:是指?(?:什么|啥)(?:意思|东西)?|(?:是)?指的是什么|什么意思|的?定义))[？?。]?$"
    ),
    abstention=zh_references.ABSTENTION,
    uncited_abstention=zh_references.UNCITED_ABSTENTION,
    passage="段落|来源|资料|文献|出处|参考(?:资料|文献)?|引用|材料|文档|片段|文段|原文|上下文",
    conjunction="和",
)

_ORDINAL = r"第\s*[0-9一二三四五六七八九十百零〇两]+\s*"
_OUTLINE = OutlineRules(
    chapter=rf"{_ORDINAL}(?:[编編篇部卷](?:\s|$|[：:、])|章|讲|课|課|单元|單元)",
    section=rf"{_ORDINAL}[节節]|附录|[一二三四五六七八九十]{{1,3}}、",
    subsection=r"[（(][一二三四五六七八九十]{1,3}[)）]",
    measured=(
        r"\s*(?:千克|公斤|毫克|厘米|毫米|千米|公里|纳米|微米|毫升|分钟|小时|摄氏度|平方|立方|[万亿千百]|[亿万]?元|[个倍]|"
        r"(?:大)?约[为是]?|[是为即](?!什么|何|[^，。]{0,4}$)|等于|左右|以[上下]|[至到]\s*\d)|(?:克|米|升|秒|吨|[伏安瓦赫帕牛焦度岁年天])"
    ),
    alone="摘要|引言|前言|序言?|自序|后记|绪论|导论|概述|小结|本章小结|总结|结论|参考文献|习题|思考题|练习|附录|目录|致谢",
    caption=r"(?:图|圖|表|插图)\s*\d+(?:[-.–]\d+)*(?![\d章节页])",
    before_page="第",
    after_page="页",
    of_pages=r"(?:，\s*)?共",
    heading_style="标题|標題",
    title_style="标题|標題",
    caption_style="题注|標號",
    list_style="列表|列出段落",
    code_style="代码",
    contents_style="目录",
    contents=r"目\s*[录錄次]",
    untitled="无标题",
)

_TRANSCRIBED = (
    "阿埃艾爱安昂奥澳巴拜班邦保鲍贝本比彼毕别宾波博伯勃布查察楚茨达大戴丹道德登邓狄迪蒂丁东杜顿多厄恩尔法凡范菲费芬丰冯佛弗福夫盖"
    "甘高戈格葛根古圭哈海汉豪赫黑亨洪胡华怀霍基吉加嘉贾杰金京卡凯坎康考柯科克肯孔库夸奎昆拉莱赖兰朗劳勒雷蕾黎里理利莉丽连列林琳龙娄"
    "卢鲁路伦罗洛马玛麦曼芒毛梅门蒙米密明缪摩莫默姆木穆纳娜乃南内尼妮涅宁纽农诺欧帕潘庞佩彭皮平珀普奇齐恰钱乔切琼丘让热仁日荣茹瑞"
    "若撒萨塞赛桑森莎沙山尚绍舍申生圣施史士舒朔斯丝松苏索塔台太泰坦汤唐陶特腾提廷图托瓦万旺威韦维温文翁沃乌吾西希锡席夏香肖谢辛欣"
    "休修雪逊雅亚延扬耶叶伊依易因英雍尤约泽扎詹赞张珍芝朱祖佐"
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾"
    "夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤屠竺鲁茅钱华"
)
_NAME_END = Pattern(rf"^([{_SURNAMES}][{HAN}]{{1,2}})(?:先生|女士|教授|院士|博士|同志|老师|主席|总统|将军|元帅|总理)$")
_ERA = Pattern(r"^公元(?=前?\d)")
_COUNTED = Pattern(rf"第([{NUMERAL_DIGITS}十百千]+)|([{NUMERAL_DIGITS}十百]+)(?=世纪|年代|年|月|日|号|型|级)")


def _fold_name(name: str) -> str:
    """Return a name without a person's title, with what counts in it in digits: 第二次 is 第2次, and never 第一次."""
    plain = _NAME_END.compiled.sub(r"\1", name)
    plain = _ERA.sub("", plain)
    return _COUNTED.compiled.sub(lambda match: in_digits(match[0]), plain)


_NO_NAME_TAGS = ("p", "c", "u", "d", "r", "y", "e", "o", "f")
"""Beginnings of tags of words of grammar: they are in no name."""
_DOTS = ("·", "•", "・")
_WHOLE_NAMES = frozenset(("nt", "nz", "ns", "nr", "nrt"))
_LONGEST_NAME = 10
_CLAUSE = Pattern(rf"[{HAN}A-Za-z0-9·・-]+$")
_CLAUSE_BEGINNING = Pattern(rf"^[{HAN}A-Za-z0-9·・-]+")


def _is_whole_name(word: Word) -> bool:
    return len(word.text) > 3 and word.tag in _WHOLE_NAMES


def _counts(word: Word, before: str) -> bool:
    """Return whether a word is a measure, behind which a name begins: 三名, but not 168号."""
    return word.tag == "q" and not before.isdigit()


_WITHIN_NAMES = frozenset("间内外上下")
"""Words of place that stand in names: 海陆间循环."""


def _is_no_name(word: Word) -> bool:
    if word.text in _WITHIN_NAMES:
        return False
    return word.text in _VERBS or word.text in _FUNCTION or word.tag.startswith(_NO_NAME_TAGS)


def _name_at_end(text: str, known: int | None) -> int | None:
    """Return where the last words begin that may be in a name; a verb opens one only where it opens its clause.

    Rather too long than too short: 选举委员会 as a name for 委员会 would join all committees. Names that the dictionary
    has are whole.
    """
    clause = _CLAUSE.search(text[-24:])
    if clause is None:
        return known
    begin, start = len(text) - len(clause[0]), len(text)
    for word in reversed(dictionary().cut(clause[0])):
        at = begin + word.start
        if (
            word.end == len(clause[0])
            and len(word.text) > 3
            and word.tag in _WHOLE_NAMES
            and text[at - 1 : at] not in _DOTS
        ):
            return at
        if _is_no_name(word) or len(text) - at > _LONGEST_NAME or _counts(word, text[at - 1 : at]):
            break
        if word.tag != "v" or word.start == 0:
            start = at
    return min(start, len(text) if known is None else known)


def _name_at_start(text: str) -> int:
    """Return where the first words end that may be in a name."""
    clause = _CLAUSE_BEGINNING.search(text[:24])
    if clause is None:
        return 0
    end = 0
    for word in dictionary().cut(clause[0]):
        if _is_no_name(word) or word.end > _LONGEST_NAME or (word.tag == "v" and end):
            break
        end = word.end
    return end


_OTHER_NAME = (
    r"(?:以下|下文)?(?:常|通常|一般|俗|统|合)?(?:简称|又称|亦称|也称|或称|俗称|旧称|古称|史称|全称|别称|通称|别名"
    r"|又名|亦名|原名|本名|学名|俗名"
    r"|也叫|又叫|也作|又作|缩写|简写|译名|英文名?称?|英语|拉丁文|拉丁语|德语|法语|俄语|希腊语|日语|化学式|分子式|符号)"
)
_NAMING = rules.NamingRules(
    fold=_fold_name,
    proper=Pattern(
        rf"《(?P<work>[^《》\n]{{1,40}})》|(?P<name>[{_TRANSCRIBED}]{{1,6}}(?:[·•・‧∙][{_TRANSCRIBED}]{{1,7}}){{1,4}})"
        rf"|(?P<numbered>[{HAN}]{{1,3}}[素粒系型][A-Za-zⅠ-Ⅻα-ω][₀-₉0-9]{{0,2}}(?![A-Za-z0-9]))"
    ),
    person=Pattern(rf"^[{HAN}]+[·•・‧∙]|^[{_SURNAMES}][{HAN}]{{1,2}}(?:先生|女士|教授|院士|博士)$"),
    kinds=(
        (
            "organization",
            Pattern(
                r"[^\s](?:大学|学院|公司|集团|组织|协会|学会|委员会|研究所|研究院|科学院|银行|法院|议会|国会|政府"
                r"|联盟|联合会|基金会|医院|博物馆"
                r"|图书馆|出版社|电视台|俱乐部|乐团|军队|警察局|教会|队|部队|党)$"
            ),
        ),
        (
            "event",
            Pattern(
                r"[^\s](?:战争|大战|之战|战役|革命|运动会|起义|事件|会议|奥运会|世界杯|危机|政变|变法|维新|条约"
                r"|文艺复兴)$"
            ),
        ),
        ("law", Pattern(r"[^\s](?:定律|定理|公式|方程|原理|效应|法则|学说|定则|宪法)$")),
        (
            "process",
            Pattern(r"[^\s](?:作用|过程|反应|循环|分裂|合成|分解|聚变|裂变)$|^(?:蒸发|蒸腾|凝结|降水|渗透|扩散)$"),
        ),
        (
            "place",
            Pattern(
                r"[^\s](?:国|省|市|县|州|河|江|湖|海|洋|山脉|岛|群岛|半岛|平原|高原|盆地|沙漠|镇|村|寺|海峡|运河|流域"
                r"|大陆|洲|共和国|王国|帝国)$"
            ),
        ),
    ),
    quantity=(
        r"(?:[多余几]?[万亿千百]*(?:个|摄氏度|度|米|千米|公里|厘米|毫米|纳米|克|千克|公斤|吨|升|毫升|平方米|平方公里"
        r"|平方千米|立方米|亩|公顷"
        r"|小时|分钟|秒|年|天|人|元|美元|倍|次))(?![级])"
    ),
    date=(
        r"(?:(?:公元)?前?\d{1,4}年(?:\d{1,2}月(?:\d{1,2}日)?)?|\d{1,2}月\d{1,2}日"
        r"|(?:\d{1,2}|[一二三四五六七八九十]{1,3})世纪(?:[一二三四五六七八九\d]0?年代)?)"
    ),
    lead=rf"(?:[{HAN}]{{1,4}}语(?=[：:]))|"
    + _OTHER_NAME
    + r"(?:缩写|简称|名|全称)?(?:为|是|叫|作|做|名为)?|即|又即|号|亦即",
    between=(
        rf"[，,]?\s?(?:{_OTHER_NAME}(?:缩写|简称|名|全称)?(?:为|是|叫|作|做)?|也就是)\s?(?=[^，。；])"
        r"|[，,](?:即|号)(?=[^，。；]{2,8}[，。；])"
    ),
    no_name=r"(?:如|例如|比如|诸如|包括|包含|见|参见|图|表|单位|约|大约|不|含|指|以(?!下)|由|在|从|当|共|占|其中|比|与|和|或者|今|注)",
    longest_name=14,
    clause=Pattern(r"的|是|了|[和与及或]|[指有在由]\S"),
    at_end=_name_at_end,
    at_start=_name_at_start,
)

CHINESE = rules.Language(
    code="zh",
    script=rules.Script.HAN,
    words=rules.Words(function=_FUNCTION, fillers=_FILLERS, one_spelling=simplified),
    sentences=rules.SentenceRules(
        stops="。｡",
        calls="！？",
        attribution=Pattern(r"[^。！？\n，,]{0,6}?[说道问答喊叫]"),
        points="．",
        name_point=Pattern(rf"[{_TRANSCRIBED}]．[{_TRANSCRIBED}]"),
        numerals="一二三四五六七八九十",
    ),
    reading=_READING,
    statements=_STATEMENTS,
    key_terms=NounRuns(
        dictionary=dictionary,
        verbs=_VERBS,
        auxiliaries=_AUXILIARIES,
        general=_GENERAL,
        fringe=_FRINGE,
        thing_endings=_THING_ENDINGS,
        numbers=NumberRules(
            label=Pattern(
                r"(?:第|图|表|式|章|节|页|[Ff]ig(?:ure|s)?\.?|[Tt]able|[Ss]ection|[Cc]hapter|[Pp]age|[Ss]tep|[Nn]o\.?"
                r"|[\[(（])$"
            ),
            labels=Pattern(r"\s?[号號]|\s?路"),
            after_year=Pattern(r"\s?年(?!后|以后|之后|间|之间|来|多|的?历史|级|期)"),
            year=Pattern(r"^(?:[2-9]\d\d|1\d{2,3}|20\d\d)$"),
        ),
        is_person=lambda name: name[0] in _SURNAMES or all(map(_TRANSCRIBED.__contains__, name)),
        latin_noun_endings=_LATIN_NOUN_ENDINGS,
    ),
    readability=rules.Readability(_difficulty, easy=20.0, hard=30.0),
    cloze=_CLOZE,
    grading=_GRADING,
    answering=_ANSWERING,
    stems=_STEMS,
    writing=_WRITING,
    outline=_OUTLINE,
    naming=_NAMING,
    values=rules.ValueRules(in_notation),
)
