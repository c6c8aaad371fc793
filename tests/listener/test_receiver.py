"""The receiver against a real sender on this computer: who may send, what is taken, and what is said."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("pynetdicom")

from dicom_sender import SECRETS, send, send_at_once, study

from monai_attn import Volume
from monai_attn.cli.main import main
from monai_attn.errors import InputError
from monai_attn.io import read
from monai_attn.listener import Inbox, Limits
from monai_attn.listener.inbox import study_name
from monai_attn.listener.receiver import Receiver

LOCAL = ("127.0.0.1", 0)


@pytest.fixture
def said():
    return []


@pytest.fixture
def receiver(tmp_path, said):
    with Receiver(Inbox(tmp_path / "inbox"), "MONAI_ATTN", ["SCANNER"], LOCAL, said.append) as made:
        yield made


def settled(receiver, count: int) -> None:
    """Wait until the receiver has noticed that so many studies have no sender."""
    for _ in range(100):
        if len(receiver.inbox.complete(0)) >= count:
            return
        time.sleep(0.05)


def test_two_studies_that_come_interleaved_are_taken_apart_and_the_one_that_breaks_off_is_not_complete(
    receiver, said, tmp_path, capfd, caplog
):
    whole, broken = study(tmp_path, "whole"), study(tmp_path, "broken")
    assert send_at_once(receiver.port, whole, broken) == [0] * 200
    settled(receiver, 1)
    names = {name: study_name(images[0].StudyInstanceUID) for name, images in (("whole", whole), ("broken", broken))}
    assert receiver.inbox.complete(0) == [names["whole"]]
    assert receiver.inbox.count(names["whole"]) == receiver.inbox.count(names["broken"]) == 100
    assert read(receiver.inbox.look_at(names["whole"])).shape == (4, 5, 100)
    assert f"{names['broken']}: the connection broke; it waits to be sent again" in said
    spoken = "\n".join([*said, *capfd.readouterr(), caplog.text, *map(str, (tmp_path / "inbox").rglob("*"))])
    assert [secret for secret in SECRETS if secret in spoken] == []


def test_only_allowed_titles_are_let_in_and_only_under_the_own_title(receiver, said, tmp_path):
    images = study(tmp_path, "one", Volume(np.zeros((4, 5, 3), np.int16)))
    assert send(images, receiver.port, title="STRANGER") is None
    assert send(images, receiver.port, called="OTHER") is None
    assert send(images, receiver.port) == [0, 0, 0]
    assert sum("not allowed" in line for line in said) == 2


def test_nobody_listens_without_an_allowed_title(tmp_path, said):
    with pytest.raises(InputError, match="Nobody may send"):
        Receiver(Inbox(tmp_path / "inbox"), "MONAI_ATTN", [], LOCAL, said.append)


def test_a_port_that_is_taken_is_said(receiver, tmp_path, said):
    with pytest.raises(InputError, match=f"Port {receiver.port} of 127"):
        Receiver(Inbox(tmp_path / "other"), "MONAI_ATTN", ["SCANNER"], ("127.0.0.1", receiver.port), said.append)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_number_that_is_no_port_is_said(tmp_path, said, port):
    with pytest.raises(
        InputError, match=f"Port {port} of 127.0.0.1 cannot be used: a port is a number from 0 to 65535"
    ):
        Receiver(Inbox(tmp_path / "inbox"), "MONAI_ATTN", ["SCANNER"], ("127.0.0.1", port), said.append)


@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_a_quiet_time_that_never_ends_is_refused(tmp_path, capsys, seconds):
    options = ["-b", "hippocampus_mri", "-o", str(tmp_path / "out"), "--allow", "SCANNER", f"--quiet-s={seconds}"]
    assert main(["listen", *options]) == 2
    assert f"--quiet-s is a number of seconds from 0 on, not {seconds}." in capsys.readouterr().err


@pytest.mark.slow
def test_large_images_are_refused_before_they_fill_the_memory(tmp_path, said):
    limits = Limits(instance_mb=0.5)
    with Receiver(Inbox(tmp_path / "inbox", limits), "MONAI_ATTN", ["SCANNER"], LOCAL, said.append) as receiver:
        large = study(tmp_path, "large", Volume(np.zeros((1500, 1500, 3), np.int16)))
        assert 0 not in send(large, receiver.port)
        assert any("larger than the limit" in line for line in said)
        small = study(tmp_path, "small", Volume(np.zeros((4, 5, 3), np.int16)))
        assert send(small, receiver.port) == [0, 0, 0]


def test_more_images_than_a_study_may_have_are_answered_with_the_code_for_it(tmp_path, said):
    limits = Limits(study_instances=2)
    with Receiver(Inbox(tmp_path / "inbox", limits), "MONAI_ATTN", ["SCANNER"], LOCAL, said.append) as receiver:
        images = study(tmp_path, "long", Volume(np.zeros((4, 5, 3), np.int16)))
        assert send(images, receiver.port) == [0, 0, 0xA700]
        assert "2 images" in said[0]
        assert said[1].endswith("some images were refused or not sent; it waits to be sent again")
        assert receiver.inbox.complete(quiet_s=0) == []


def test_who_sends_faster_than_allowed_waits(tmp_path, said):
    limits = Limits(per_second=20)
    with Receiver(Inbox(tmp_path / "inbox", limits), "MONAI_ATTN", ["SCANNER"], LOCAL, said.append) as receiver:
        images = study(tmp_path, "fast", Volume(np.zeros((4, 5, 40), np.int16)))
        start = time.monotonic()
        assert send(images, receiver.port) == [0] * 40
        assert time.monotonic() - start > 0.9  # 20 at once, then 20 in a second
