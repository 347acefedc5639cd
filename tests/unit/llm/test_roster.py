"""Providers are replaced while calls are in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.llm.adapters.providers.fake import FakeChatProvider
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.capacity import Capacity
from services.llm.domain.roster import Roster
from services.llm.ports import ChatProvider
from services.llm.values.providers import Model, Provider, Providers
from tests.waiting import turns


class House:
    """Opens fakes and keeps which are open."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.broken = ""

    @asynccontextmanager
    async def opened(self, provider: Provider) -> AsyncIterator[ChatProvider]:
        if provider.name == self.broken:
            raise OSError("broken")
        place = f"{provider.name}@{provider.base_url}"
        self.open.append(place)
        try:
            yield FakeChatProvider(name=provider.name)
        finally:
            self.open.remove(place)


def _capacity(provider: Provider) -> Capacity:
    return Capacity(Bulkhead(provider.name, provider.max_in_flight or 8, max_waiting=0, max_wait_seconds=1))


def _configured(*names: str, address: str = "http://x", model: str = "m", slots: int = 8) -> Providers:
    return Providers(
        providers=tuple(
            Provider(name=name, base_url=address, models=(Model(name=model),), max_in_flight=slots) for name in names
        )
    )


async def test_a_provider_closes_when_its_last_call_ends_and_not_before() -> None:
    house = House()
    async with Roster.open(house.opened, _capacity) as roster:
        await roster.replace(_configured("a", "b"))
        with roster.held() as table:
            await roster.replace(_configured("b"))
            with roster.held() as later:
                assert [target.served.provider for target in later.path("m").targets] == ["b"]
            await turns()
            assert house.open == ["a@http://x", "b@http://x"]
            assert [target.served.provider for target in table.path("").targets] == ["a", "b"]
        await turns()
        assert house.open == ["b@http://x"]
    assert house.open == []


async def test_what_stays_keeps_its_connections_and_what_it_counted() -> None:
    house = House()
    async with Roster.open(house.opened, _capacity) as roster:
        await roster.replace(_configured("a"))
        first = roster.table.path("m").targets[0].backend
        await roster.replace(_configured("a", model="other"))
        second = roster.table.path("other").targets[0].backend
        assert (second.engine, second.capacity) == (first.engine, first.capacity)
        await roster.replace(_configured("a", slots=1))
        third = roster.table.path("m").targets[0].backend
        assert third.engine is first.engine
        assert third.capacity is not first.capacity
        await roster.replace(_configured("a", address="http://elsewhere"))
        assert roster.table.path("m").targets[0].backend.engine is not first.engine
        await turns()
        assert house.open == ["a@http://elsewhere"]


async def test_a_replacement_that_fails_changes_nothing() -> None:
    house = House()
    house.broken = "c"
    async with Roster.open(house.opened, _capacity) as roster:
        await roster.replace(_configured("a"))
        before = roster.table
        with pytest.raises(OSError, match="broken"):
            await roster.replace(_configured("b", "c"))
        assert roster.table is before
        assert house.open == ["a@http://x"]


async def test_no_call_meets_a_closed_provider_while_they_are_replaced_again_and_again() -> None:
    closed: set[ChatProvider] = set()

    @asynccontextmanager
    async def opened(provider: Provider) -> AsyncIterator[ChatProvider]:
        yield (engine := FakeChatProvider(name=provider.name))
        closed.add(engine)

    async with Roster.open(opened, _capacity) as roster:
        await roster.replace(_configured("a"))
        done = 0

        async def call() -> None:
            nonlocal done
            with roster.held() as table:
                (target,) = table.path("m").targets
                for _ in range(done % 7):
                    await asyncio.sleep(0)
                    assert target.backend.engine not in closed
            done += 1

        async with asyncio.TaskGroup() as group:
            for number in range(50):
                for _ in range(10):
                    group.create_task(call())
                await roster.replace(_configured("a", address=f"http://{number}"))
        await turns()
        assert (done, len(closed)) == (500, 50)


async def test_aliases_and_routes_lead_to_the_models_of_several_providers() -> None:
    far = Provider(name="far", base_url="http://far", models=(Model(name="large", aliases=("best",)), Model(name="x")))
    near = Provider(name="near", base_url="http://near", models=(Model(name="small", aliases=("best",)),))
    configured = Providers.model_validate(
        {"providers": (far, near), "routes": [{"alias": "careful", "targets": ["near/small", "far/x"]}]}
    )
    async with Roster.open(House().opened, _capacity) as roster:
        await roster.replace(configured)
        ways = {
            name: [(target.served.provider, target.served.model) for target in roster.table.path(name).targets]
            for name in ("", "large", "best", "careful", "far/x")
        }
    assert ways == {
        "": [("far", "large")],
        "large": [("far", "large")],
        "best": [("far", "large"), ("near", "small")],
        "careful": [("near", "small"), ("far", "x")],
        "far/x": [("far", "x")],
    }
    assert [(served.model, served.provider) for served in roster.table.served] == [
        ("large", "far"),
        ("best", "far"),
        ("x", "far"),
        ("small", "near"),
        ("best", "near"),
        ("careful", "near"),
        ("careful", "far"),
    ]
