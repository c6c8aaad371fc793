"""When a study is complete, what a restart knows, and what is above the limits."""

from __future__ import annotations

import pytest

from monai_attn.errors import FileError, InputError
from monai_attn.listener import Inbox, Limits, Peer
from monai_attn.listener.inbox import FullError, study_name
from monai_attn.listener.settings import checked_title

ONE, TWO = study_name("1.1"), study_name("1.2")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def inbox(tmp_path, clock):
    return Inbox(tmp_path / "inbox", Limits(instance_mb=0.001, study_mb=0.003, inbox_mb=0.004), clock)


def test_a_study_is_complete_after_its_goodbye_and_the_quiet_time(inbox, clock):
    inbox.take("1.1", "1.1.1", b"a", sender=1)
    clock.now = 100
    assert inbox.complete(30) == []  # the sender is still there
    inbox.goodbye(1)
    assert inbox.complete(30) == []
    clock.now = 131
    assert inbox.complete(30) == [ONE]
    inbox.look_at(ONE)
    assert inbox.complete(30) == []
    inbox.take("1.1", "1.1.2", b"b", sender=2)  # more of it comes
    inbox.goodbye(2)
    assert not inbox.remove(ONE)
    clock.now = 200
    assert inbox.complete(30) == [ONE]
    assert inbox.count(ONE) == 2


def test_a_study_whose_connection_broke_waits_until_it_is_sent_again(inbox, clock):
    for number, study in enumerate(("1.1", "1.2")):
        inbox.take(study, f"{study}.1", b"a", sender=number)
    inbox.goodbye(0)
    assert inbox.goodbye(1, properly=False) == [TWO]
    clock.now = 1000
    assert inbox.complete(30) == [ONE]
    inbox.take("1.2", "1.2.1", b"a", sender=3)
    inbox.goodbye(3)
    clock.now = 2000
    assert inbox.complete(30) == [TWO, ONE] or inbox.complete(30) == [ONE, TWO]
    assert inbox.count(TWO) == 1  # the same image twice


def test_a_restart_knows_what_was_cut_off(inbox, clock, tmp_path):
    inbox.take("1.1", "1.1.1", b"a", sender=1)
    inbox.take("1.2", "1.2.1", b"a", sender=2)
    inbox.goodbye(2)
    clock.now = 50
    again = Inbox(tmp_path / "inbox", None, clock)
    clock.now = 100
    assert again.complete(30) == [TWO]


def test_what_is_above_a_limit_is_refused_and_the_rest_stays(inbox):
    with pytest.raises(FullError, match=r"larger than 0\.001 MB"):
        inbox.take("1.1", "1", b"a" * 1001, sender=1)
    for number in range(3):
        inbox.take("1.1", str(number), b"a" * 1000, sender=1)
    inbox.take("1.1", "0", b"a" * 1000, sender=1)  # again, which takes no more room
    with pytest.raises(FullError, match="study"):
        inbox.take("1.1", "3", b"a", sender=1)
    inbox.take("1.2", "4", b"a" * 1000, sender=1)
    with pytest.raises(FullError, match="together"):
        inbox.take("1.2", "5", b"a", sender=1)
    assert inbox.count(ONE) == 3


def test_a_study_of_which_an_image_was_refused_waits_until_it_is_sent_again(inbox, clock, tmp_path):
    for number in range(3):
        inbox.take("1.1", str(number), b"a" * 1000, sender=1)
    with pytest.raises(FullError):
        inbox.take("1.1", "3", b"a" * 1000, sender=1)
    inbox.take("1.1", "2", b"b" * 900, sender=1)  # the sender goes on
    assert inbox.goodbye(1) == [ONE]
    clock.now = 1000
    assert inbox.complete(30) == []
    assert Inbox(tmp_path / "inbox", None, clock).complete(0) == []  # a restart knows
    inbox.take("1.1", "0", b"a", sender=2)
    assert inbox.goodbye(2) == []
    clock.now = 2000
    assert inbox.complete(30) == [ONE]


def test_a_study_whose_first_image_was_refused_is_not_complete_either(inbox, clock, tmp_path):
    with pytest.raises(FullError, match="An image"):
        inbox.take("1.1", "1", b"a" * 1001, sender=1)
    assert list((tmp_path / "inbox").iterdir()) == []  # of a study that was refused nothing stays
    inbox.take("1.1", "2", b"a", sender=1)
    assert Inbox(tmp_path / "inbox", None, clock).complete(0) == []  # its sender has not said goodbye
    assert inbox.goodbye(1) == [ONE]
    clock.now = 1000
    assert inbox.complete(30) == []


def test_a_study_of_which_an_image_is_refused_while_it_is_segmented_stays(inbox, clock):
    inbox.take("1.1", "1", b"a", sender=1)
    inbox.goodbye(1)
    assert inbox.look_at(ONE).is_dir()
    with pytest.raises(FullError):
        inbox.take("1.1", "2", b"a" * 1001, sender=2)
    assert not inbox.remove(ONE)
    inbox.take("1.1", "3", b"a", sender=2)
    assert inbox.goodbye(2) == [ONE]
    assert inbox.count(ONE) == 2
    assert inbox.complete(0) == []


def test_half_an_image_of_a_receiver_that_was_killed_is_no_image(inbox, tmp_path):
    inbox.take("1.1", "1", b"a", sender=1)
    half = tmp_path / "inbox" / ONE / ".0123456789ab-image.dcm"
    half.write_bytes(b"half")
    assert Inbox(tmp_path / "inbox").count(ONE) == 1
    assert not half.exists()


def test_an_inbox_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "results").write_text("a file", encoding="utf-8")
    for place in (tmp_path / "results", tmp_path / "results" / "inbox"):
        with pytest.raises(FileError, match=f"The folder {place.name} cannot be made: .* Choose another"):
            Inbox(place)


@pytest.mark.parametrize(
    "text", ["ARCHIVE", "ARCHIVE@host", "@host:1", "A@host:0", "A@host:70000", "A@:104", "x" * 17 + "@h:1"]
)
def test_a_place_to_send_to_has_a_title_a_host_and_a_port(text):
    with pytest.raises(InputError):
        Peer.of(text)


@pytest.mark.parametrize("text", ["", " A", "A ", "A\\B", "A\nB", "Ä", "seventeen letters"])
def test_a_title_that_dicom_does_not_allow_is_refused(text):
    with pytest.raises(InputError):
        checked_title(text)


def test_a_limit_is_above_0():
    with pytest.raises(InputError, match="per_second"):
        Limits(per_second=0)
