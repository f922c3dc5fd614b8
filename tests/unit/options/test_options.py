import shlex

import pytest

from dupimg.cli.commands import Command, collect_options
from dupimg.errors import UsageError
from dupimg.options.command_text import written_command
from dupimg.options.run_options import AddOptions, ApplyOptions, OrganizeOptions, PlanOptions


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90m", 5400), ("6h", 21_600), ("2d", 172_800), ("45s", 45), ("45", 45), (" 6 H", 21_600)],
)
def test_times(written, seconds):
    options = PlanOptions("in", "out", scene_gap=written)
    assert options.scene_gap == seconds
    assert PlanOptions("in", "out", scene_gap=options.scene_gap).scene_gap == seconds


@pytest.mark.parametrize("written", ["", "h", "6 hours", "-6h", "0h", "1.5h", "6w", "٦h"])
def test_what_is_no_time(written):
    with pytest.raises(UsageError, match="expected a time such as 90m, 6h or 2d"):
        PlanOptions("in", "out", scene_gap=written)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("copy_threshold", 97),
        ("candidate_threshold", 0),
        ("link_threshold", "high"),
        ("duplicate_rule", "verify"),
        ("same_folder", "maybe"),
    ],
)
def test_options_of_the_second_look_and_of_scenes_are_checked(name, value):
    with pytest.raises(UsageError, match=f"Got {name}={value!r}, expected"):
        PlanOptions("in", "out", **{name: value})


@pytest.mark.parametrize("written", ["4", 10, "0GB", "4 G", "-1GB", "much"])
def test_what_is_no_amount_of_memory(written):
    with pytest.raises(UsageError, match="expected an amount of memory such as 500MB or 4GB"):
        PlanOptions("in", "out", memory=written)
    assert PlanOptions("in", "out", memory="1.5 MB").memory == 1_500_000


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("organize", OrganizeOptions("in", "out")),
        (
            "organize",
            OrganizeOptions(
                "my photos; rm -r", "--out", keep="oldest,path", scene_gap="6h", memory="2GiB",
                rotations=False, same_folder=True, process_mode="move", scene_head="it's.npz",
            ),
        ),
        ("apply", ApplyOptions("猫/plan.csv", hard_link=True, jobs=3)),
        ("add", AddOptions("new", "out", cache="none")),
    ],
)  # fmt: skip
def test_options_are_written_as_the_command_that_leads_to_them(verb, options):
    dupimg, name, *words = shlex.split(written_command(verb, options))
    assert (dupimg, name) == ("dupimg", verb)
    command = Command(f"dupimg {verb}", type(options), lambda _: 0)
    assert collect_options(command, words) == options
