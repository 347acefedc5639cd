"""What the file of providers may say, what it is told when it says it wrong, and when it is read again."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from services.llm.adapters.providers_file import ProvidersFile, ProvidersFileError
from services.llm.values.prices import FREE, Price
from services.llm.values.providers import Model, Provider, Providers
from services.llm.values.spending import Budget, Period, Scope
from tests.waiting import eventually

WHOLE = """
currency = "CNY"

[[providers]]
name = "far"
base_url = "https://far.example/v1"
api_key_variable = "FAR_KEY"
dialect = "dashscope"
requests_per_minute = 600
tokens_per_minute = 100_000
max_in_flight = 8
connect_timeout_seconds = 2
first_token_timeout_seconds = 20
between_tokens_timeout_seconds = 10.5
total_timeout_seconds = 300
models = [
  "plain",
  { name = "large", aliases = ["best"], price = { input_nanos_per_token = 150, output_nanos_per_token = 600 } },
]

[[providers]]
name = "near"
base_url = "http://127.0.0.1:8081/v1"
api_key_file = "near.key"
[[providers.models]]
name = "small"
aliases = ["best"]

[[routes]]
alias = "careful"
strategy = "fallback"
targets = ["near/small", "far/large"]
"""
ONE = '[[providers]]\nname = "a"\nbase_url = "http://a/v1"\n'
PRICED = ONE + 'models = [{ name = "m", price = { input_nanos_per_token = 1, output_nanos_per_token = 2 } }]\n'
BUDGET = '[[budgets]]\nscope = "user"\nperiod = "day"\nlimit_nanos = 5\n'
FIRST = Provider(name="local", base_url="http://localhost:1/v1", models=(Model(name="tiny", price=FREE),))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAR_KEY", "sk-far")
    (tmp_path / "near.key").write_text("sk-near\n")
    path = tmp_path / "providers.toml"
    path.write_text(WHOLE)
    return path


async def _write(path: Path, text: str) -> None:
    await asyncio.to_thread(path.write_text, text)


async def test_everything_that_it_may_say(path: Path) -> None:
    read = await ProvidersFile(path, [FIRST]).read()
    local, far, near = read.providers
    assert local == FIRST
    assert read.currency == "CNY"
    assert (far.name, far.base_url, far.dialect) == ("far", "https://far.example/v1", "dashscope")
    assert (far.requests_per_minute, far.tokens_per_minute, far.max_in_flight) == (600, 100_000, 8)
    assert (far.connect_timeout_seconds, far.first_token_timeout_seconds) == (2, 20)
    assert (far.between_tokens_timeout_seconds, far.total_timeout_seconds) == (10.5, 300)
    price = Price(input_nanos_per_token=150, cached_input_nanos_per_token=150, output_nanos_per_token=600)
    assert far.models == (Model(name="plain"), Model(name="large", aliases=("best",), price=price))
    assert [provider.api_key.get_secret_value() for provider in read.providers] == ["", "sk-far", "sk-near"]
    assert near.max_in_flight is None
    assert read.routes[0].targets == ("near/small", "far/large")
    assert "sk-" not in repr(read)


async def test_an_empty_file_leaves_the_providers_of_the_environment(path: Path) -> None:
    await _write(path, "# none yet\n")
    assert await ProvidersFile(path, [FIRST]).read() == Providers(providers=(FIRST,))


async def test_budgets_stand_beside_the_providers_and_what_cannot_hold_them_refuses(path: Path) -> None:
    await _write(path, PRICED + BUDGET)

    def refuse(providers: Providers) -> None:
        assert providers.budgets
        raise ValueError("budgets: need a database")

    read = await ProvidersFile(path).read()
    assert read.budgets == (Budget(scope=Scope.USER, period=Period.DAY, limit_nanos=5),)
    with pytest.raises(ProvidersFileError, match="budgets: need a database"):
        await ProvidersFile(path, check=refuse).read()


async def test_a_route_may_lead_to_a_provider_of_the_environment(path: Path) -> None:
    await _write(path, '[[routes]]\nalias = "quick"\ntargets = ["local/tiny"]\n')
    assert (await ProvidersFile(path, [FIRST]).read()).routes[0].alias == "quick"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("providers = [", "at end of document"),
        ("a = 1\nb = ?", "at line 2"),
        ("colour = 1", "colour: Extra inputs are not permitted"),
        ('currency = "dollars"', "currency: String should match"),
        (ONE, r"providers\[0\] \(a\).models: Field required"),
        (ONE + "models = []", r"providers\[0\] \(a\).models: Tuple should have at least 1 item"),
        (ONE + 'model = "x"\nmodels = ["m"]', r"providers\[0\] \(a\).model: Extra inputs"),
        (ONE + 'models = ["m", "m"]', r"providers\[0\] \(a\): models: 'm' must stand there only once"),
        (ONE + 'models = ["m"]\napi_key = "sk-1"', r"api_key: a key does not stand in the file"),
        (ONE + 'models = ["m"]\nmax_in_flight = 0', r"max_in_flight: Input should be greater than or equal to 1"),
        (ONE + 'models = ["m"]\ntotal_timeout_seconds = 0', "total_timeout_seconds: Input should be greater than 0"),
        (ONE + 'models = ["m"]\ndialect = "martian"', "dialect: Input should be 'openai'"),
        (ONE + 'models = ["m"]\napi_key_variable = "NO_SUCH_KEY"', "api_key_variable: NO_SUCH_KEY is empty or not set"),
        (ONE + 'models = ["m"]\napi_key_file = "no.key"', "api_key_file: .*no.key cannot be read"),
        (ONE + 'models = ["m"]\napi_key_file = "x"\napi_key_variable = "Y"', "only one of both"),
        (ONE.replace("http://a/v1", "a:80") + 'models = ["m"]', "base_url: must be an address such as"),
        (ONE.replace('"a"', '"a/b"') + 'models = ["m"]', "name: String should match"),
        ((ONE + 'models = ["m"]\n') * 2, "providers: 'a' must stand there only once"),
        (ONE.replace('"a"', '"local"') + 'models = ["m"]', "providers: 'local' must stand there only once"),
        (ONE + 'models = [{ name = "m", price = { input_nanos_per_token = 1 } }]', "output_nanos_per_token: Field req"),
        (
            ONE + 'models = [{ name = "m", price = { input_nanos_per_token = -1, output_nanos_per_token = 1 } }]',
            r"models\[0\] \(m\).price: must not be negative",
        ),
        (
            ONE + 'models = [{ name = "m", price = { input_nanos_per_token = 1.5, output_nanos_per_token = 1 } }]',
            "input_nanos_per_token: Input should be a valid integer",
        ),
        (
            ONE + 'models = [{ name = "m", price = { input = 1, output_nanos_per_token = 1 } }]',
            "price: has no field 'input'",
        ),
        ('[[routes]]\nalias = "x"', "routes: x: needs targets"),
        (ONE + 'models = ["m"]\n' + BUDGET, "budgets: a/m needs a price"),
        (PRICED + BUDGET * 2, "budgets: 'user each, day' must stand there only once"),
        (PRICED + BUDGET.replace("day", "week"), r"budgets\[0\].period: Input should be 'day'"),
        (PRICED + BUDGET.replace("user", "team"), r"budgets\[0\].scope: Input should be 'all'"),
        (PRICED + BUDGET.replace("5", "-1"), r"budgets\[0\].limit_nanos: Input should be greater than or equal to 0"),
        (
            PRICED + BUDGET.replace("user", "all") + 'name = "x"',
            r"budgets\[0\] \(x\): name: a budget of all calls has none",
        ),
        ('[[routes]]\nalias = "x"\ntargets = ["a/m"]', "routes: x: targets: no provider serves 'a/m'"),
        ('[[routes]]\nalias = "x"\nstrategy = "luck"\ntargets = ["local/tiny"]', r"routes\[0\].strategy: Input should"),
    ],
)
async def test_a_wrong_file_is_refused_and_names_field_and_rule(path: Path, text: str, told: str) -> None:
    await _write(path, text)
    with pytest.raises(ProvidersFileError, match=told) as caught:
        await ProvidersFile(path, [FIRST]).read()
    assert str(caught.value).startswith(f"TIKU_LLM_PROVIDERS_FILE: {path}: ")
    assert "\n" not in str(caught.value)
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"#" * (1 << 20) + b"#"], ids=["no UTF-8", "too large"])
async def test_what_is_no_text_of_a_sensible_size_is_refused(path: Path, data: bytes) -> None:
    await asyncio.to_thread(path.write_bytes, data)
    with pytest.raises(ProvidersFileError):
        await ProvidersFile(path).read()


async def test_a_file_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(ProvidersFileError, match=r"no\.toml: cannot be read: No such file"):
        await ProvidersFile(path.with_name("no.toml")).read()


async def test_every_fault_is_told_at_once(path: Path) -> None:
    await _write(path, ONE.replace('"a"', '""') + 'models = ["m"]\nmax_in_flight = 0')
    with pytest.raises(ProvidersFileError, match=r"name: .*; .*max_in_flight: "):
        await ProvidersFile(path).read()


async def test_it_is_read_again_when_it_or_a_key_changes_and_a_wrong_one_is_not_applied(path: Path) -> None:
    file, applied = ProvidersFile(path), []
    await file.read()

    async def apply(providers: Providers) -> None:
        applied.append(providers)

    watching = asyncio.create_task(file.watch(apply, 0.01))
    try:
        await asyncio.sleep(0.05)
        assert applied == []
        await _write(path.with_name("near.key"), "sk-another")
        await eventually(lambda: len(applied) == 1)
        assert applied[0].providers[1].api_key.get_secret_value() == "sk-another"
        await _write(path, "nonsense")
        await asyncio.sleep(0.05)
        await _write(path, "currency = 'EUR'")
        await eventually(lambda: len(applied) == 2)
        assert applied[1] == Providers(currency="EUR")
        await asyncio.to_thread(path.unlink)
        await asyncio.sleep(0.05)
        assert len(applied) == 2
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_sighup_reads_it_again_at_once(path: Path) -> None:
    file, applied = ProvidersFile(path), asyncio.Event()
    await file.read()

    async def apply(_: Providers) -> None:
        applied.set()

    watching = asyncio.create_task(file.watch(apply, 3600))
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGHUP)
    await applied.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_what_cannot_be_applied_ends_no_watch(path: Path) -> None:
    file, tries = ProvidersFile(path), []
    await file.read()

    async def apply(providers: Providers) -> None:
        tries.append(providers)
        if len(tries) == 1:
            raise OSError("no such host")

    watching = asyncio.create_task(file.watch(apply, 0.01))
    await _write(path, f"{WHOLE}\n# once more")
    await eventually(lambda: len(tries) == 1)
    await _write(path, f"{WHOLE}\n# and once more")
    await eventually(lambda: len(tries) == 2)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
