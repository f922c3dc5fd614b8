from __future__ import annotations

from dupimg.messages import as_text
from dupimg.plans.merge import merge_edits
from dupimg.plans.plan_file import Edit
from dupimg.plans.rows import Row

NAMES = ("a.jpg", "best.jpg", "c.jpg", "d.jpg")


def plan():
    """Return the plan of one duplicate group whose keeper is not the first of it."""
    rows = []
    for name in NAMES:
        kept = name == "best.jpg"
        rows.append(
            Row(
                name,
                "keep" if kept else "remove",
                scene=1,
                duplicate_group=1,
                keeper="" if kept else "best.jpg",
                cosine_to_keeper=None if kept else 0.97,
                taken_at="2024-05-01T10:00:00.000",
                digest=f"digest of {name}",
                reason=as_text("said so"),
            )
        )
    return rows


def keepers(**chosen):
    """Return the keeper of each removed photo after a person has chosen some actions."""
    decided = plan()
    edits = [
        Edit(number, row.path, chosen.get(row.path[:-4], row.action), "1", "", row.digest)
        for number, row in enumerate(decided, 2)
    ]
    merged = merge_edits(decided, edits)
    assert merged.problems == ()
    return {row.path: row.keeper for row in merged.rows if row.action == "remove"}


def test_the_keeper_stays_the_keeper_when_another_one_stays_too():
    assert keepers(a="keep") == {"c.jpg": "best.jpg", "d.jpg": "best.jpg"}
    assert keepers(a="keep", d="keep") == {"c.jpg": "best.jpg"}


def test_the_first_that_stays_follows_a_keeper_that_goes():
    assert keepers(best="remove", c="keep", d="keep") == {"a.jpg": "c.jpg", "best.jpg": "c.jpg"}
    assert keepers(best="leave", d="keep") == {"a.jpg": "d.jpg", "c.jpg": "d.jpg"}


def test_a_group_in_which_none_stays_has_no_keeper():
    assert keepers(best="remove") == dict.fromkeys(NAMES, "")
