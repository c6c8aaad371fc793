"""Training from the bundles' configs, beyond what MONAI gives."""

from monai_attn.training.curve import LearningCurve, Point, read_curve
from monai_attn.training.drawn import DrawnDice, PrepareDrawn
from monai_attn.training.evaluation import CaseScores, summary_of
from monai_attn.training.muon import MuonAdamW
from monai_attn.training.progress import (
    BestWeights,
    EpochLog,
    FiniteLoss,
    continue_average,
    join_weights,
    save_weights,
    start_from,
    start_process,
)
from monai_attn.training.timed import TimedSchedule
from monai_attn.training.transfer import begin_with_background, transfer_weights

__all__ = [
    "BestWeights",
    "CaseScores",
    "DrawnDice",
    "EpochLog",
    "FiniteLoss",
    "LearningCurve",
    "MuonAdamW",
    "Point",
    "PrepareDrawn",
    "TimedSchedule",
    "begin_with_background",
    "continue_average",
    "join_weights",
    "read_curve",
    "save_weights",
    "start_from",
    "start_process",
    "summary_of",
    "transfer_weights",
]
