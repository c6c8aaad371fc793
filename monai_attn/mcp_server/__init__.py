"""The tools of monai_attn for an assistant, by the Model Context Protocol: on files of one folder, and nothing else.

`monai-attn mcp FOLDER` starts the server (docs/mcp.md). It needs the extra `mcp`.
"""

from monai_attn.mcp_server.fence import Fence
from monai_attn.mcp_server.tools import Tools

__all__ = ["Fence", "Tools"]
