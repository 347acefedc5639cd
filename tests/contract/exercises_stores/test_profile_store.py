"""What every store of profiles owes the domain."""

from __future__ import annotations

from services.exercises.ports import ProfileStore


async def test_a_profile_is_made_on_first_use_and_changes_field_by_field(profiles: ProfileStore) -> None:
    first = await profiles.get_or_create("ann")
    assert (first.user_id, first.display_name, first.daily_question_goal) == ("ann", "", 0)
    assert await profiles.get_or_create("ann") == first
    changed = await profiles.update("ann", {"display_name": "安", "daily_question_goal": 20})
    assert (changed.display_name, changed.daily_question_goal, changed.goal) == ("安", 20, "")
    assert changed.update_time > first.update_time
    cleared = await profiles.update("ann", {"display_name": "", "goal": "exam"})
    assert (cleared.display_name, cleared.daily_question_goal, cleared.goal) == ("", 20, "exam")
    assert cleared.create_time == first.create_time
    assert (await profiles.update("bob", {"language": "zh-CN"})).language == "zh-CN"


async def test_a_change_is_its_owners_alone(profiles: ProfileStore) -> None:
    mine = await profiles.get_or_create("ann")
    await profiles.update("bob", {"display_name": "Bob", "goal": "exam"})
    assert await profiles.get_or_create("ann") == mine
