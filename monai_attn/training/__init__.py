"""Training from the bundles' configs, beyond what MONAI gives."""
