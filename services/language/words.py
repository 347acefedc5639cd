"""Word lists that tell terms from the rest of a language, chosen by hand for study material."""

from __future__ import annotations

import re

from services.language.folding import bigrams
from services.language.scripts import is_han


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = _words(
    """
    a an the and or but nor so yet if then else than as at by for from in into of off on onto out over per to up upon
    via with within without about above across after against along among around because before behind below beneath
    beside besides between beyond despite down during except inside like near outside past since through throughout
    till toward towards under until unless while whereas whether although though once i me my mine we us our ours you
    your yours he him his she her hers it its they them their theirs this that these those who whom whose which what
    when where why how be am is are was were been being have has had having do does did doing done can could may might
    must shall should will would cannot not no neither either both each every any some such only own same other another
    others one ones all most more less least many much few fewer several enough very too also just even still again
    ever never always often sometimes usually generally typically mainly mostly largely rather quite almost nearly
    already soon later now here there thus hence therefore however moreover furthermore instead otherwise meanwhile
    first second third next last finally then together apart away back well not only e.g i.e etc vs namely especially
    particularly specifically approximately roughly exactly directly indirectly simply relatively highly extremely
    itself themselves himself herself ourselves myself yourself whatever whichever whoever someone anyone everyone
    something anything everything nothing none two three four five six seven eight nine ten hundred thousand million
    billion half twice
    """
)

VERBS = _words(
    """
    absorb accept access account achieve act activate adapt add adjust adopt affect aid aim allow alter appear apply
    argue arise arrange arrive ask assess assign assume attach attack attempt attract avoid base be bear beat become
    begin believe belong bind blow boil bond borrow break breathe bring build burn buy calculate call capture carry
    catalyze catch cause change charge check choose circulate claim classify clean climb close collect combine come
    communicate compare compete complete compose compress compute concentrate conclude conduct connect consider consist
    construct consume contain continue contract contribute control convert cool cope copy cost count cover create cross
    cut deal decide decline decompose decrease define delete deliver demand denote depend deposit derive describe design
    destroy detect determine develop die differ diffuse digest direct disappear discover discuss dissolve distinguish
    distribute divide dominate donate double draw drink drive drop earn eat eliminate emerge emit employ enable encode
    encourage end enhance ensure enter equal erupt escape establish estimate evaluate evaporate evolve examine exceed
    exchange execute exert exist expand expect experience explain explode explore express extend face fail fall feed
    feel fight fill find finish fit fix float flow fly focus fold follow force form found freeze function fuse gain
    gather generate get give go govern grow handle happen harm hear heat help hold identify ignore illustrate imagine
    implement imply improve include increase indicate influence inform inherit inhibit initiate insert inspire install
    intend interact introduce invade invent invest involve isolate join keep kill know lack last lay lead learn leave
    let lie lift limit link live load locate look lose lower maintain make manage manufacture map mark match mean
    measure meet melt merge migrate mix model modify monitor move multiply name need notice observe obtain occupy occur
    offer open operate oppose organize originate oxidize participate pass perform permit place plan plant play point
    pollinate pollute possess pour power practice precede predict prefer prepare present preserve press prevent proceed
    process produce promote propose protect prove provide publish pull pump purify push put raise range reach react read
    realize receive recognize record recover reduce refer reflect regard regulate reject relate release rely remain
    remember remove repair repeat replace replicate report represent reproduce require resist respond rest restore
    restrict result retain return reveal reverse rise rotate rule run say secrete see seek seem select sell send
    separate serve set settle shape share shift show sink sit slow solve speak spend spin split spread stand start
    state stay steal stimulate stop store strengthen stretch strike struggle study succeed suggest supply support
    surround survive swim synthesize take talk teach tell tend test think threaten throw tie touch train transfer
    transform translate transmit transport trap travel treat trigger try turn understand undergo unite use utilize vary
    view visit wait walk want warm wash waste watch wear win work write yield
    made took taken gave given went gone came became began begun broke broken brought built bought caught chose chosen
    cut
    drew drawn drove driven ate eaten fell fallen fed felt fought found flew flown froze frozen got gotten grew grown
    heard held kept knew known laid led left lost meant met paid put ran rose risen said saw seen sold sent set shown
    sank sat spoke spoken spent spun split stood stolen struck swam taught told thought threw understood won wore wrote
    written lay fuelled powered
    """
)

COMMON_WORDS = _words(
    """
    able abundant actual additional adequate alone alternative ancient annual apparent appropriate available average
    bad basic beautiful best better big brief bright broad capable careful central certain chief clear clever close
    closely cold common commonly complete complex concrete constant continuous convenient correct current daily dark
    deep deeply dense different difficult direct distant distinct dry due early easily easy economic effective
    efficient entire equal essential exact exist external extra fair familiar famous far fast favourable few final fine
    fixed flat former frequent fresh full fully fundamental further future general gradual gradually great greater
    greatest half hard healthy heavy high higher highest huge ideal identical important impossible individual initial
    inner intense internal key known large larger largest late latter leading likely little local long longer loose low
    lower lowest main major maximum minimum minor modern modest narrow natural necessary new normal novel numerous
    obvious old older open opposite ordinary original outer overall partial particular past perfect poor popular
    possible potential powerful precise present previous primary principal private proper public pure quick quickly
    random rapid rapidly rare raw ready real recent regular related relative relevant rich right rough safe secondary
    separate serious severe sharp short significant similar simple single slight slow slowly small smaller smallest
    smooth soft sole solid special specific stable standard steady strong strongly subsequent successful sudden
    sufficient suitable sure tall thick thin tight tiny total traditional true typical uniform unique universal unknown
    free faster slower upper usual valid valuable various vast visible vital warm weak wet whole wide widely wild
    wise wrong young younger
    ability advantage age aim amount answer area aspect basis beginning behaviour benefit bit body book case cause
    century chance change chapter character choice circumstance class collection combination comparison condition
    consequence contrast contribution course day decade degree detail development difference difficulty direction
    discussion distance effect effort element end event evidence example experience extent face fact factor feature
    field figure form function goal group hand history idea importance impact increase influence information instance
    issue item job kind knowledge lack layer length level life line list look loss lot manner material matter
    meaning means measure member method minute moment month name nature need note number object order origin page pair
    part people percent period person phase phenomenon piece place point portion position possibility power practice
    presence problem process product property proportion purpose quality quantity question range rate reason region
    relation relationship remainder result rise role row rule scale section sense series set shape share side sign
    situation size sort source space stage start state step story structure student study style subject success sum
    surface system table task term test thing time today tool topic total trait trend type unit use user value variety
    version view way week word work world year hour second
    """
)
"""Adjectives, adverbs and nouns too general to be asked for."""

NOUN_SUFFIXES = (
    "tion", "sion", "ment", "ness", "ity", "ism", "ance", "ence", "ship", "hood", "dom", "ology", "graphy", "nomy",
    "phyll", "plast", "some", "cyte", "gen", "ase", "ose", "ine", "ide", "oid", "sis", "ture", "logy", "metry", "meter",
    "ist", "tor", "age", "cy", "ium", "ics", "scope", "sphere", "zyme",
)  # fmt: skip
MODIFIER_SUFFIXES = ("al", "ic", "ous", "ive", "ary", "ar", "ent", "ant", "ed", "ing", "able", "ible", "less", "ful")

CHINESE_GENERAL = _words(
    """
    方面 问题 情况 时候 过程 方法 部分 作用 结果 特点 人们 时间 地方 东西 关系 内容 方式 基本 主要 原因 条件 基础 意义
    影响 变化 发展 形式 种类 类型 程度 阶段 水平 范围 数量 能力 目的 目标 工作 活动 现象 特征 性质 状态 环节 因素 要素
    整体 总体 个体 一般 不同 重要 之间 之后 之前 以上 以下 其中 其他 其它 大量 少量 许多 多数 少数 全部 部门 角度 事物
    事情 世界 社会 生活 人类 国家 中国 今天 现在 当时 后来 以后 以来 世纪 年代 时期 时代 历史 例子 概念 定义 含义 理论
    实际 实践 研究 学习 知识 信息 数据 材料 结构 系统 功能 单位 对象 标准 规律 规则 原则 原理 机制 模式 模型 体系 领域
    技术 工具 手段 途径 措施 步骤 任务 要求 需要 需求 可能 必要 关键 核心 中心 本质 表面 表现 代表 典型 传统 现代 名称
    名字 数字 时刻 人员 人口 个人 大家 自己 所有 各种 各个 每个 整个 某些 一些 一种 一个 这种 这些 那些 两者 二者 彼此
    左右 上下 内外 前后 周围 附近 中间 里面 外面 上面 下面 地位 地区 区域 位置 方向 距离 速度 大小 高低 长短 多少 好坏
    公司
    效果 效率 质量 价值 成本 优点 缺点 优势 不足 区别 差异 差别 联系 共同 特殊 普遍 直接 间接 同时 最终 最后 最初 首先
    """
)
"""Chinese words too general to be asked for."""

CHINESE_VERBS = _words(
    """
    产生 证明 发现 利用 使用 应用 通过 形成 提供 进行 具有 属于 成为 导致 引起 促进 分布 分解 合成 释放 吸收 转化 转变
    输送 运输 提高 降低 增加 减少 需要 发生 存在 包含 保持 控制 调节 支持 保护 建立 开始 结束 实现 完成 处理 解决 要求
    说明 表示 表明 认为 称为 组成 构成 连接 传递 传播 储存 积累 消耗 制造 生产 改变 限制 决定 反映 体现 利于 依靠 依赖
    """
)
"""Verbs that the dictionary also counts as nouns: they end a run of nouns instead of joining it."""


def units(text: str) -> set[str]:
    """What two texts may have in common: English words without endings, pairs of ideographs, numbers."""
    latin = {
        word[:5] for word in re.findall(r"[a-z0-9]+", text.casefold()) if word not in FUNCTION_WORDS and len(word) > 1
    }
    if text.isascii():
        return latin
    han = "".join(char if is_han(char) else " " for char in text)
    return latin | {pair for run in han.split() for pair in bigrams(run)}
