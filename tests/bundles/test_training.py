"""Where a training run starts, what it leaves, how it is scored."""

from __future__ import annotations

import math

import nibabel as nib
import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from ignite.handlers import EMAHandler
from monai.data import MetaTensor
from monai.engines import SupervisedTrainer

from monai_attn.errors import BundleError, FileError, GeometryError, InputError
from monai_attn.networks import NetworkMean
from monai_attn.training import (
    BestWeights,
    CaseScores,
    FiniteLoss,
    continue_average,
    join_weights,
    save_weights,
    start_from,
    start_process,
    summary_of,
)


def state(folder, epoch: int, *, complete: bool = True) -> str:
    path = folder / f"state_checkpoint_epoch={epoch}.pt"
    torch.save({"epoch": epoch}, path)
    if not complete:
        path.write_bytes(path.read_bytes()[:-100])
    return str(path)


def test_a_run_goes_on_from_the_newest_complete_state(tmp_path):
    state(tmp_path, 5)
    wanted = state(tmp_path, 10)
    state(tmp_path, 15, complete=False)
    assert start_from(tmp_path, resume=True) == wanted


def test_nothing_to_resume_and_an_unfinished_run_are_errors(tmp_path):
    assert start_from(tmp_path, resume=False) is None
    with pytest.raises(FileError, match=r"no state_checkpoint_epoch=N\.pt to resume"):
        start_from(tmp_path, resume=True)
    (tmp_path / "model.pt").touch()
    with pytest.raises(FileError, match=r"holds a model\.pt, which a run replaces"):
        start_from(tmp_path, resume=False)
    state(tmp_path, 5)
    with pytest.raises(FileError, match=r"reached epoch 5\. Go on with it \(--resume true\)"):
        start_from(tmp_path, resume=False)


def test_weights_are_a_plain_state_dict_and_replace_the_last(tmp_path):
    network = torch.nn.Linear(2, 3)
    for _ in range(2):
        save_weights(network, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=True)
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())


def test_weights_lie_in_their_plain_order_in_the_file(tmp_path):
    network = torch.nn.Conv3d(2, 4, 3).to(memory_format=torch.channels_last_3d)
    assert not network.weight.is_contiguous()
    save_weights(network, tmp_path / "model.pt")
    saved = torch.load(tmp_path / "model.pt", weights_only=True)["weight"]
    assert saved.is_contiguous()
    assert torch.equal(saved, network.weight)


def test_weights_that_are_not_finite_do_not_replace_those_that_are(tmp_path):
    network = torch.nn.Linear(2, 3)
    save_weights(network, tmp_path / "model.pt")
    good = (tmp_path / "model.pt").read_bytes()
    network.bias.data[1] = math.inf
    with pytest.raises(BundleError, match=r"1 of 2 weights are not finite, bias first\. Go on from an earlier state"):
        save_weights(network, tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_bytes() == good


def trainer_with_losses(losses: list) -> SupervisedTrainer:
    network, values = torch.nn.Linear(2, 1), iter(losses)
    return SupervisedTrainer(
        device="cpu",
        max_epochs=len(losses),
        train_data_loader=[{"image": torch.ones(1, 2), "label": torch.ones(1, 1)}],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        loss_function=lambda given, wanted: ((given - wanted) ** 2).mean() + next(values),
        train_handlers=[FiniteLoss()],
        decollate=False,
    )


def test_a_training_stops_at_a_loss_that_is_not_finite_and_does_not_learn_from_it():
    trainer, weights = trainer_with_losses([0.0, math.nan, 0.0]), []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: weights.append(trainer.network.weight.clone()))
    with pytest.raises(
        BundleError, match=r"The loss is nan in epoch 2\. Go on from an earlier state \(--resume true\)"
    ):
        trainer.run()
    assert len(weights) == 1
    assert torch.equal(trainer.network.weight, weights[0])


@pytest.mark.parametrize(("spoilt", "stops"), [(20, False), (21, True)])
def test_a_gradient_scaler_may_look_for_its_scale(spoilt, stops):
    trainer = trainer_with_losses([math.inf] * spoilt + [0.0])
    trainer.add_event_handler(Events.STARTED, lambda: setattr(trainer, "scaler", torch.amp.GradScaler("cpu")))
    if stops:
        with pytest.raises(BundleError, match="loss is inf"):
            trainer.run()
    else:
        trainer.run()


def fold_weights(folder) -> list:
    paths = [folder / f"fold{fold}.pt" for fold in range(3)]
    for path in paths:
        save_weights(torch.nn.Linear(2, 3), path)
    return paths


@pytest.mark.parametrize("half", [True, False])
def test_the_weights_of_folds_are_joined_for_the_mean_of_their_networks(tmp_path, half):
    paths = fold_weights(tmp_path)
    join_weights(paths, tmp_path / "model.pt", half=half)
    mean = NetworkMean(torch.nn.Linear(2, 3), copies=3)
    mean.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True), strict=True)
    for network, path in zip(mean.networks, paths, strict=True):
        wanted = torch.load(path, weights_only=True)["weight"]
        assert network.weight.dtype == torch.float32
        assert torch.equal(network.weight, wanted.half().float() if half else wanted)


def test_a_missing_fold_and_a_file_in_the_way_are_refused(tmp_path):
    paths = fold_weights(tmp_path)
    with pytest.raises(FileError, match=r"There is no .*fold7\.pt\. Train all folds first"):
        join_weights([*paths, tmp_path / "fold7.pt"], tmp_path / "model.pt")
    join_weights(paths, tmp_path / "model.pt")
    with pytest.raises(FileError, match=r"model\.pt exists"):
        join_weights(paths, tmp_path / "model.pt")


def validate(best: BestWeights, epoch: int, score: float) -> None:
    engine = Engine(lambda *_: None)
    best.attach(engine)
    engine.state.metrics["mean_dice"] = score
    engine.state.epoch = epoch
    engine.fire_event(Events.COMPLETED)


def test_the_weights_of_the_best_validation_are_kept_also_over_a_resume(tmp_path):
    network = torch.nn.Linear(1, 1)
    scores = {5: 0.7, 10: 0.8, 15: 0.75, 20: float("nan")}
    best = BestWeights(network, tmp_path, "mean_dice")
    for epoch, score in scores.items():
        network.weight.data.fill_(epoch)
        validate(best, epoch, score)
    best.finish()
    assert torch.load(tmp_path / "model.pt", weights_only=True)["weight"].item() == 10
    resumed = BestWeights(network, tmp_path, "mean_dice", resume=True)
    validate(resumed, 25, 0.79)
    assert torch.load(tmp_path / "model.pt", weights_only=True)["weight"].item() == 10
    network.weight.data.fill_(30)
    validate(resumed, 30, 0.81)
    assert torch.load(tmp_path / "model.pt", weights_only=True)["weight"].item() == 30


def test_a_run_without_validation_leaves_its_last_weights(tmp_path):
    network = torch.nn.Linear(1, 1)
    BestWeights(network, tmp_path, "mean_dice").finish()
    assert torch.equal(torch.load(tmp_path / "model.pt", weights_only=True)["weight"], network.weight)


def test_an_average_goes_on_with_the_momentum_it_had():
    average = EMAHandler(torch.nn.Linear(1, 1), momentum=0.005, momentum_warmup=0.2, warmup_iters=200)
    seen = []
    trainer = Engine(lambda *_: None)
    average.attach(trainer)
    continue_average(average, trainer)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: seen.append(trainer.state.ema_momentum))
    trainer.load_state_dict({"iteration": 500, "epoch_length": 100, "max_epochs": 6})
    trainer.run([0] * 100, max_epochs=6)
    assert seen[0] == pytest.approx(0.005)


def test_several_processes_need_torchrun(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(InputError, match="Start it with: torchrun"):
        start_process("gloo")


def test_a_missed_structure_stays_in_the_average():
    scores = [
        {"case": "a", "name": "tumour", "dice": 0.9, "hd95_mm": 1.0},
        {"case": "b", "name": "tumour", "dice": 0.0, "hd95_mm": math.inf},
        {"case": "c", "name": "tumour", "dice": math.nan, "hd95_mm": math.nan},
    ]
    tumour = summary_of(scores)["labels"]["tumour"]
    assert tumour["dice"]["mean"] == pytest.approx(0.45)
    assert (tumour["dice"]["defined"], tumour["hd95_mm"]["infinite"]) == (2, 1)
    assert tumour["hd95_mm"]["mean"] == math.inf
    assert [tumour[score]["worst_case"] for score in ("dice", "hd95_mm")] == ["b", "b"]


def test_a_mask_on_another_grid_is_scored_on_the_grid_of_the_reference_if_told_so(tmp_path):
    reference = np.zeros((10, 12, 14), np.uint8)
    reference[2:6, 4:8, 4:12] = 1
    coarse = reference[::2, ::2, ::2]
    nib.save(nib.Nifti1Image(reference, np.diag([2.0, 2, 3, 1])), tmp_path / "reference.nii.gz")
    affine = np.diag([4.0, 4, 6, 1])
    affine[:3, 3] = [1, 1, 1.5]  # its voxels hold eight of the reference's
    mask = MetaTensor(torch.as_tensor(coarse)[None], affine=torch.as_tensor(affine))
    batch = [{"case": "a", "label": tmp_path / "reference.nii.gz"}]
    for resample in (True, False):
        scores = CaseScores([{"value": 1, "name": "tumour"}], tmp_path / str(resample), lesions=True, resample=resample)
        evaluator = Engine(lambda *_: [{"pred": mask}])
        scores.attach(evaluator)
        if not resample:
            with pytest.raises(GeometryError, match="different grids"):
                evaluator.run([batch])
            continue
        evaluator.run([batch])
        assert scores.scores[0]["dice"] == 1.0
        assert scores.detections[0]["matched"] == 1
