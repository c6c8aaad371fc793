"""`python -m monai_attn` is the command `monai-attn`, also where that script is not on the path."""

from monai_attn.cli.main import command

__all__: list[str] = []

if __name__ == "__main__":
    command()
