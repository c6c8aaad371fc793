"""Classes and functions that a bundle may use without being named as a danger: they compute, and do nothing else.

Each of them gives the same to everybody: no command is run, no pickle is loaded, nothing is written or downloaded. What
is not listed is shown before a bundle is trusted, so a name that is missing here does no harm. The names of MONAI are
those of MONAI 1.6.
"""

from __future__ import annotations

import re

__all__ = ["FUNCTIONS", "IMPORTS", "METHODS", "is_harmless_target"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRANSFORMS = """
Activations AddCoordinateChannels AddExtremePointsChannel AdjustContrast Affine AffineGrid ApplyPending
ApplyTransformToPoints AsChannelLast AsDiscrete BatchInverseTransform BorderPad BoundingRect CastToType
CenterScaleCrop CenterSpatialCrop ClassesToIndices ClipIntensityPercentiles Compose ComputeHoVerMaps ConcatItems
ConvertBoxToPoints ConvertPointsToBoxes ConvertToMultiChannelBasedOnBratsClasses CopyItems Crop CropForeground
CutMix CutOut DataStats Decollate DeleteItems DetectEnvelope DistanceTransformEDT DivisiblePad Ensemble
EnsureChannelFirst EnsureType FgBgToIndices FillHoles FlattenSequence FlattenSubKeys Flip ForegroundMask Fourier
FromMetaTensor GaussianSharpen GaussianSmooth GenerateHeatmap GibbsNoise GridDistortion GridPatch GridSplit
HistogramNormalize Identity ImageFilter IntensityRemap IntensityStats Invert KSpaceSpikeNoise
KeepLargestConnectedComponent LabelFilter LabelToContour LabelToMask Lambda MapLabelValue MaskIntensity MeanEnsemble
MedianSmooth MixUp NormalizeIntensity OneOf Orientation Pad ProbNMS Rand2DElastic Rand3DElastic RandAdjustContrast
RandAffine RandAffineGrid RandAxisFlip RandBiasField RandCoarseDropout RandCoarseShuffle RandCoarseTransform
RandCrop RandCropByLabelClasses RandCropByPosNegLabel RandDeformGrid RandFlip RandGaussianNoise RandGaussianSharpen
RandGaussianSmooth RandGibbsNoise RandGridDistortion RandGridPatch RandHistogramShift RandIdentity RandImageFilter
RandIntensityRemap RandKSpaceSpikeNoise RandLambda RandRicianNoise RandRotate RandRotate90 RandScaleCrop
RandScaleIntensity RandScaleIntensityFixedMean RandShiftIntensity RandSimulateLowResolution RandSmoothDeform
RandSmoothFieldAdjustContrast RandSmoothFieldAdjustIntensity RandSpatialCrop RandSpatialCropSamples
RandStdShiftIntensity RandWeightedCrop RandZoom RandomOrder RemoveRepeatedChannel RemoveSmallObjects RepeatChannel
Resample ResampleToMatch Resize ResizeWithPadOrCrop Rotate Rotate90 SavitzkyGolaySmooth ScaleIntensity
ScaleIntensityFixedMean ScaleIntensityRange ScaleIntensityRangePercentiles SelectItems ShiftIntensity SmoothField
SobelGradients SomeOf Spacing SpatialCrop SpatialPad SpatialResample SplitDim SqueezeDim StdShiftIntensity
ThresholdIntensity ToDevice ToMetaTensor ToNumpy ToTensor TransformPointsImageToWorld TransformPointsWorldToImage
Transpose VoteEnsemble Zoom
"""
"""MONAI's transforms, each also with the endings d, D and Dict. Readers and writers of files are not among them."""

SWAPPED = _names("LoadImaged LoadImageD LoadImageDict SaveImaged SaveImageD SaveImageDict CheckpointLoader")
"""Components that are made safe where a config names them as `_target_`, and not where an expression does.

`LoadImaged` and `SaveImaged` are replaced and switched off when monai_attn opens a bundle. `CheckpointLoader` loads
tensors only.
"""

OTHERS = """
AttentionUnet AutoEncoder BasicUNet BasicUnet BasicUNetPlusPlus DiNTS TopologyConstruction TopologyInstance
TopologySearch DynUNet DynUnet HighResNet MedNeXt SegResNet SegResNetVAE SegResNetDS SegResNetDS2 SwinUNETR UNet Unet
UNETR VISTA3D vista3d132 ViT VNet
SimpleInferer SliceInferer SlidingWindowInferer SlidingWindowInfererAdapt SlidingWindowSplitter AvgMerger
sliding_window_inference
Dice DiceCELoss DiceFocalLoss DiceLoss FocalLoss GeneralizedDiceLoss GeneralizedDiceFocalLoss TverskyLoss
DeepSupervisionLoss MaskedDiceLoss MaskedLoss
DiceMetric MeanIoU HausdorffDistanceMetric SurfaceDistanceMetric SurfaceDiceMetric ConfusionMatrixMetric
MeanDice MeanIoUHandler HausdorffDistance SurfaceDistance ConfusionMatrix StatsHandler ValidationHandler
DecollateBatch EarlyStopHandler GarbageCollector LrScheduleHandler PostProcessing from_engine
stopping_fn_from_metric
Dataset CacheDataset SmartCacheDataset DataLoader ThreadDataLoader DistributedSampler MetaTensor
load_decathlon_datalist decollate_batch list_data_collate pad_list_data_collate partition_dataset
SupervisedEvaluator SupervisedTrainer EnsembleEvaluator
set_determinism CommonKeys BlendMode InterpolateMode GridSampleMode
"""
"""MONAI's networks that download nothing, its inferers, losses, metrics, data sets and engines."""

MONAI = SWAPPED | _names(OTHERS) | {name + ending for name in _names(TRANSFORMS) for ending in ("", "d", "D", "Dict")}

OWN = re.compile(
    r"monai_attn\.("
    r"(transforms|inferers|networks|losses)\.[A-Z]\w*"
    r"|bundle\.guard\.(bundle_root|check|provenance)"
    r"|cases\.(all_cases|fold_cases|inference_cases|several_image_cases|split_cases|training_record|unseen_of)"
    r"|preflight\.(CheckedImages|mask_warnings|side_warnings)"
    r")"
)
"""What configs of our own bundles name to segment with; what only a training needs is not here."""

TORCH = re.compile(
    r"torch\.(device|tensor|float|float16|float32|float64|bfloat16|half|double|int|int8|int16|int32|int64|long|uint8|bool)"
    r"|torch\.(zeros|ones|stack|cat|argmax|softmax|sigmoid|where|sum|mean|sqrt|exp|log|abs|clamp|inf|nan|pi)"
    r"|torch\.cuda\.(is_available|device_count)|torch\.backends\.mps\.is_available"
    r"|torch\.nn\.[A-Z]\w*|torch\.optim\.[A-Z]\w*|torch\.optim\.lr_scheduler\.[A-Z]\w*"
    r"|torch\.nn\.functional\.(relu|softmax|sigmoid|interpolate|pad|one_hot)"
)

NUMPY = re.compile(
    r"(numpy|np)\.(array|asarray|arange|linspace|zeros|ones|eye|diag|float16|float32|float64|int8|int16|int32|int64"
    r"|uint8|uint16|bool_|inf|nan|pi|mean|max|min|sum|argmax|concatenate|stack|where|unique|prod|round|clip)"
)

FUNCTIONS = _names("""
abs all any bool dict divmod enumerate float int isinstance len list max min print range reversed round set slice
sorted str sum tuple zip
os.path os.path.join os.path.basename os.path.dirname os.path.abspath os.path.exists os.path.isfile os.path.isdir
os.path.splitext os.path.normpath os.path.relpath os.path.realpath os.path.expanduser os.sep os.getcwd os.listdir
os.environ os.environ.get os.getenv os.cpu_count
glob.glob glob.iglob pathlib.Path Path json.loads json.dumps re.sub re.match re.search re.findall re.split
math.ceil math.floor math.sqrt math.pi math.inf math.log math.exp math.prod
""")
"""What an expression may call or name: Python's own functions and those of its library that change nothing."""

METHODS = _names("""
to eval train cpu cuda parameters named_parameters state_dict load_state_dict keys values items get split rsplit
strip lower upper startswith endswith removeprefix removesuffix index count format join run
shape ndim dtype device affine meta name stem parent suffix start stop T
squeeze unsqueeze float long int bool sum mean max min reshape permute argmax clone detach numpy astype
""")
"""Attributes of a value of the config that an expression may use: methods of networks, texts, mappings and arrays."""

IMPORTS = _names("""
glob os os.path sys math json re pathlib random time datetime copy functools itertools collections typing logging
numpy scipy torch torch.nn torch.nn.functional monai monai_attn skimage
""")
"""Modules whose import alone does nothing."""


def is_harmless_target(target: str) -> bool:
    """Whether a class or function that a config names only computes; False for a name that is not known.

    >>> is_harmless_target("monai.transforms.Spacingd"), is_harmless_target("Spacingd")
    (True, True)
    >>> is_harmless_target("monai.utils.run_cmd"), is_harmless_target("torch.load"), is_harmless_target("@name")
    (False, False, False)
    """
    path, _, name = target.rpartition(".")
    if not path or re.fullmatch(r"monai(\.[a-z]\w*)*", path):
        return name in MONAI
    return any(known.fullmatch(target) for known in (OWN, TORCH, NUMPY))
