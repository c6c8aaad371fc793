"""The attention U-Net family: 2-D and 3-D networks that differ in their attention. Knows nothing of files."""

from monai_attn.networks.attention import (
    CBAM,
    SCSE,
    AttentionGate,
    ChannelAttention,
    NoAttention,
    SkipAttention,
    SpatialAttention,
    WeightingAttention,
)
from monai_attn.networks.choices import ATTENTION
from monai_attn.networks.fcn import AttnFCN
from monai_attn.networks.local import LocalAttention
from monai_attn.networks.maps import predict_with_maps
from monai_attn.networks.mean import NetworkMean
from monai_attn.networks.norm import VoxelNorm
from monai_attn.networks.temporal import TEMPORAL, TemporalAttention
from monai_attn.networks.unet import AttnUNet

__all__ = [
    "ATTENTION",
    "CBAM",
    "SCSE",
    "TEMPORAL",
    "AttentionGate",
    "AttnFCN",
    "AttnUNet",
    "ChannelAttention",
    "LocalAttention",
    "NetworkMean",
    "NoAttention",
    "SkipAttention",
    "SpatialAttention",
    "TemporalAttention",
    "VoxelNorm",
    "WeightingAttention",
    "predict_with_maps",
]
