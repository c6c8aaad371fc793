"""A receiver of DICOM: a study that an archive sends is segmented when it is complete, and its SEG goes back.

`monai-attn listen` starts it (docs/listen.md). It needs the extra `listen`. Nothing listens unless it is started.
"""

from monai_attn.listener.inbox import Inbox
from monai_attn.listener.settings import Limits, Peer

__all__ = ["Inbox", "Limits", "Peer"]
