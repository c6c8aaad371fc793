"""How a viewer shows layers: window, slab, planes, linked views, and the text on the canvas."""
