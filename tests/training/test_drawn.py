"""Partly labelled cases in MONAI's trainer and evaluator."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import CacheDataset, DataLoader, MetaTensor
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.transforms import AsDiscreted, Compose, EnsureTyped
from torch import nn

from monai_attn.cases.labelled import LabelFile
from monai_attn.io import write
from monai_attn.losses import SoftmaxDiceFocalLoss
from monai_attn.training import CaseScores, DrawnDice, PrepareDrawn
from monai_attn.transforms import RandMirrorPairsd
from monai_attn.volume import Volume


def cases(*marks: list[int]) -> list[dict]:
    """A case of 4 x 4 x 4 voxels for each row of marks: structures 1, 2, 3 in the first three planes."""
    labels = np.zeros((1, 4, 4, 4), np.uint8)
    labels[:, 0], labels[:, 1], labels[:, 2] = 1, 2, 3
    drawn = [np.array(row, np.uint8) for row in marks]
    return [
        {"case": str(number), "image": labels.astype(np.float32),
         "label": np.where(np.isin(labels, np.flatnonzero(row)), labels, 0), "drawn": row, "scored": row}
        for number, row in enumerate(drawn)
    ]  # fmt: skip


def test_a_trainer_gives_the_loss_what_was_drawn_and_learns():
    torch.manual_seed(0)
    network = nn.Conv3d(1, 4, 1)
    steps = Compose([RandMirrorPairsd(["image", "label"], prob=0.5, pairs=[[1, 2]]), EnsureTyped(["image", "label"])])
    data = CacheDataset(cases([1, 1, 0, 1], [1, 0, 1, 1]), steps, num_workers=1, progress=False)
    losses = []
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=100,
        train_data_loader=DataLoader(data, batch_size=2),
        network=network,
        optimizer=torch.optim.Adam(network.parameters(), lr=0.1),
        loss_function=SoftmaxDiceFocalLoss(batch=True),
        prepare_batch=PrepareDrawn(),
        decollate=False,
    )
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: losses.append(float(engine.state.output["loss"].detach()))
    )
    trainer.run()
    assert math.isfinite(losses[-1])
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("decollate", [True, False])
@pytest.mark.parametrize("one_hot", [True, False])
def test_an_evaluator_scores_what_was_drawn(decollate, one_hot):
    class Answer(nn.Module):
        """Finds structure 1 as it is, half of structure 2, and never structure 3."""

        def forward(self, image):
            labels = torch.where(image == 3, 0, image).long()
            labels[:, :, 1, :2] = 0
            return torch.nn.functional.one_hot(labels[:, 0], 4).movedim(-1, 1).float() if one_hot else labels.float()

    post = Compose([AsDiscreted(["label"], to_onehot=4)]) if decollate and one_hot else None
    score = DrawnDice(4, names={"3": "larynx"})
    loader = DataLoader(CacheDataset(cases([1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 1]), num_workers=1, progress=False),
                        batch_size=2)  # fmt: skip
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"), val_data_loader=loader, network=Answer(), decollate=decollate,
        postprocessing=post, key_val_metric={"mean_dice": score},
    )  # fmt: skip
    evaluator.run()
    # 1: right in both cases in which it was drawn; 2: 8 of 16 voxels, Dice 2/3; 3: never found
    assert score.of_structures == pytest.approx({1: 1.0, 2: 2 / 3, 3: 0.0})
    assert evaluator.state.metrics["mean_dice"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert score.never_found == (3,)
    assert evaluator.state.metrics["structures_never_found"] == 1


def test_a_false_finding_of_an_undrawn_structure_costs_nothing_and_of_an_absent_one_does():
    prediction, reference = torch.full((1, 2, 2, 2), 2), torch.zeros(1, 2, 2, 2)
    score = DrawnDice(3)
    score.update([(prediction, reference, torch.tensor([1, 1, 0]))])
    assert math.isnan(score.compute())
    score.update([(prediction, reference, None)])
    assert score.compute() == 0
    assert score.never_found == ()


def test_nothing_scored_is_nan_and_a_second_validation_begins_anew():
    score = DrawnDice(2)
    engine = Engine(lambda _engine, batch: batch)
    score.attach(engine, "mean_dice")
    full, empty = torch.ones(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    engine.run([[{"pred": full, "label": full}]])
    assert engine.state.metrics["mean_dice"] == 1
    engine.run([[{"pred": empty, "label": empty}]])
    assert math.isnan(engine.state.metrics["mean_dice"])


def test_scores_of_cases_leave_out_what_was_not_drawn_or_is_cut(tmp_path):
    reference = np.zeros((4, 4, 4), np.uint8)
    reference[0], reference[1] = 17, 53
    write(Volume(reference), tmp_path / "a.nii.gz")
    mask = MetaTensor(torch.as_tensor(np.where(reference == 17, 1, 3))[None], affine=torch.eye(4))
    place = LabelFile(tmp_path / "a.nii.gz", {17: 1, 53: 2, 60: 3})
    rows = [{"case": "a", "label": place, "scored": torch.tensor([1, 1, 0, 0])}, {"case": "b", "label": place}]
    names = [{"value": value, "name": name} for value, name in enumerate(("left", "right", "cord"), start=1)]
    scores = CaseScores(names, tmp_path / "out", lesions=True)
    evaluator = Engine(lambda *_: [{"pred": mask}] * 2)
    scores.attach(evaluator)
    evaluator.run([rows])
    assert [(row["case"], row["name"], row["dice"]) for row in scores.scores] == [
        ("a", "left", 1.0), ("b", "left", 1.0), ("b", "right", 0.0), ("b", "cord", 0.0)]  # fmt: skip
    assert {row["case"] for row in scores.detections if row["value"] == 3} == {"b"}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mask_that_is_read_by_more_than_its_path_goes_through_the_batches_of_an_evaluation(tmp_path, workers):
    """`evaluate.json` of a learned bundle ended with a TypeError where the values of the masks have gaps."""
    reference = np.zeros((4, 4, 4), np.uint8)
    reference[0], reference[1] = 17, 53
    write(Volume(reference), tmp_path / "a.nii.gz")
    place = LabelFile(tmp_path / "a.nii.gz", {17: 1, 53: 2})
    given = torch.as_tensor(np.where(reference == 17, 1, 0))[None].float()
    row = {"case": "a", "image": MetaTensor(given, affine=torch.eye(4)), "label": place}
    scores = CaseScores([{"value": 1, "name": "left"}, {"value": 2, "name": "right"}], tmp_path / "out")
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(CacheDataset([row], progress=False), batch_size=1, num_workers=workers),
        network=nn.Identity(),
        val_handlers=[scores],
    )
    evaluator.run()
    assert [(one["name"], one["dice"]) for one in scores.scores] == [("left", 1.0), ("right", 0.0)]
