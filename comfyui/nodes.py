"""Every node of the pack, in the order of the work."""

from .consent import SonicConsent
from .exits import SonicFramesToImages, SonicTalkingPortrait, SonicVideoOutput
from .quality import SonicQualityReport
from .steps import (
    SonicInference,
    SonicLatentDecoder,
    SonicPortrait,
    SonicPostProcessing,
    SonicPreData,
    SonicSvdOptions,
)

NODES = (
    SonicTalkingPortrait,
    SonicPortrait,
    SonicPreData,
    SonicInference,
    SonicSvdOptions,
    SonicLatentDecoder,
    SonicPostProcessing,
    SonicConsent,
    SonicVideoOutput,
    SonicFramesToImages,
    SonicQualityReport,
)
