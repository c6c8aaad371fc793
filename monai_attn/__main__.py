"""`python -m monai_attn`: the command `monai-attn`, where its script is not on the path. Loads as little as the script."""

import sys

from monai_attn.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
